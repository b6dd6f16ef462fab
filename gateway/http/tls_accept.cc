#include "gateway/http/tls_accept.h"

#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

#include "gateway/net/tls_transport.h"

namespace sluice {
namespace {

constexpr std::string_view kSpeakTls =
    "HTTP/1.1 400 Bad Request\r\n"
    "content-type: text/plain; charset=utf-8\r\n"
    "content-length: 53\r\n"
    "connection: close\r\n"
    "\r\n"
    "This port speaks HTTPS: use https:// in the address.\n";

}  // namespace

TlsCounts& TlsCounts::operator+=(const TlsCounts& other) noexcept {
  for (std::size_t version = 0; version < completed.size(); ++version) {
    for (std::size_t resumed = 0; resumed < 2; ++resumed)
      completed[version][resumed] += other.completed[version][resumed];
  }
  for (std::size_t i = 0; i < failed.size(); ++i)
    failed[i] += other.failed[i];
  return *this;
}

TlsAccept::TlsAccept(std::unique_ptr<Transport> transport, const TlsAcceptOptions& options, TlsCounts& counts)
    : plain_(std::move(transport)), options_(options), counts_(counts) {}

TlsAccept::~TlsAccept() = default;

Task<std::unique_ptr<Transport>> TlsAccept::run() {
  // A client that connects ahead of its need costs no more than its socket until it speaks.
  const bool spoke = co_await plain_->readable(plain_->loop().now() + options_.idle_timeout);
  if (!spoke) co_return nullptr;
  const TimePoint deadline = plain_->loop().now() + options_.handshake_timeout;
  secure_ = TlsTransport::server(std::move(plain_), options_.context);
  const std::optional<TlsRefusal> refused = co_await secure_->handshake(deadline);
  if (refused) {
    refuse(*refused);
    co_return nullptr;
  }
  const TlsState& state = *secure_->tls();
  const auto version = state.version == "TLSv1.3" ? TlsCounts::kTls13 : TlsCounts::kTls12;
  ++counts_.completed[version][state.resumed ? 1 : 0];
  co_return std::move(secure_);
}

void TlsAccept::refuse(const TlsRefusal& refused) noexcept {
  ++counts_.failed[static_cast<std::size_t>(refused.failure)];
  Transport& inner = secure_->inner();
  if (options_.refusals != nullptr) options_.refusals->on_refused(refused, inner.peer());
  if (refused.failure == TlsFailure::kPlainHttp) (void)inner.try_write({&kSpeakTls, 1});
  inner.shutdown_write();
  inner.close();
}

Transport& TlsAccept::transport() noexcept {
  return secure_ != nullptr ? secure_->inner() : *plain_;
}

void TlsAccept::cut() noexcept {
  transport().close();
}

}  // namespace sluice
