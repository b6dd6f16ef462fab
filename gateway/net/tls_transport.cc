#include "gateway/net/tls_transport.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include "gateway/net/tls_client_context.h"
#include "gateway/net/tls_server_context.h"

namespace sluice {
namespace {

using Status = IoResult::Status;

// RFC 8446 5.1.
constexpr std::size_t kMaxRecord = 16 * 1024;
// Head, nonce, content type and tag: 29 bytes with the ciphers that are offered.
constexpr std::size_t kRecordOverhead = 64;
// Room that is left in the block for the protocol's own messages while the peer takes nothing.
constexpr std::size_t kControlRoom = 1024;

}  // namespace

std::unique_ptr<TlsTransport> TlsTransport::server(std::unique_ptr<Transport> inner,
                                                   std::shared_ptr<const TlsServerContext> context) {
  SslPtr ssl = context->new_ssl();
  return std::unique_ptr<TlsTransport>(
      new TlsTransport(std::move(inner), std::move(context), std::move(ssl), Role::kServer));
}

std::unique_ptr<TlsTransport> TlsTransport::client(std::unique_ptr<Transport> inner,
                                                   std::shared_ptr<const TlsClientContext> context,
                                                   const std::string& server_name,
                                                   std::shared_ptr<TlsSessionCache> sessions,
                                                   std::string session_key) {
  SslPtr ssl = context->new_ssl(server_name);
  std::unique_ptr<TlsTransport> transport(
      new TlsTransport(std::move(inner), std::move(context), std::move(ssl), Role::kClient));
  transport->sessions_ = std::move(sessions);
  transport->session_key_ = std::move(session_key);
  ssl_session_st* session = transport->sessions_->find(transport->session_key_);
  if (transport->ssl_ != nullptr && session != nullptr) SSL_set_session(transport->ssl_.get(), session);
  return transport;
}

TlsTransport::TlsTransport(std::unique_ptr<Transport> inner, std::shared_ptr<const void> context, SslPtr ssl,
                           Role role)
    : Transport(inner->loop()),
      inner_(std::move(inner)),
      context_(std::move(context)),
      ssl_(std::move(ssl)),
      role_(role),
      handle_(std::make_shared<Handle>(this)) {
  inner_->set_hangup_listener(this);
  if (inner_->hung_up()) peer_hung_up();
  if (ssl_ == nullptr) {
    broken_ = true;
    return;
  }
  BIO* bio = BIO_new(bio_method());
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_app_data(ssl_.get(), this);
}

TlsTransport::~TlsTransport() {
  handle_->transport = nullptr;
  if (role_ == Role::kClient) close();
}

const bio_method_st* TlsTransport::bio_method() {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "transport");
    BIO_meth_set_read(made, &bio_read);
    BIO_meth_set_write(made, &bio_write);
    BIO_meth_set_ctrl(made, &bio_control);
    return made;
  }();
  return method;
}

int TlsTransport::bio_read(bio_st* bio, char* into, int size) {
  BIO_clear_retry_flags(bio);
  auto& self = *static_cast<TlsTransport*>(BIO_get_data(bio));
  const IoResult r = self.pull({into, static_cast<std::size_t>(size)});
  if (r.status == Status::kOk) return static_cast<int>(r.bytes);
  // Also at the end: the library would take a missing close_notify for a failure after which nothing may be
  // written. What it means is for try_read() to say.
  BIO_set_retry_read(bio);
  return -1;
}

int TlsTransport::bio_write(bio_st* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  auto& self = *static_cast<TlsTransport*>(BIO_get_data(bio));
  if (self.push({bytes, static_cast<std::size_t>(size)})) return size;
  BIO_set_retry_write(bio);
  return -1;
}

long TlsTransport::bio_control(bio_st*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

IoResult TlsTransport::pull(std::span<char> into) noexcept {
  // After a short read the socket is empty: asking once more would be a system call for nothing.
  if (drained_ || inner_ended_ || broken_) return {Status::kWouldBlock};
  const IoResult r = inner_->try_read(into);
  switch (r.status) {
    case Status::kOk:
      drained_ = r.bytes < into.size();
      if (!first_byte_) first_byte_ = into.front();
      break;
    case Status::kWouldBlock:
      drained_ = true;
      break;
    case Status::kEnd:
      inner_ended_ = true;
      break;
    case Status::kBroken:
      broken_ = true;
      break;
  }
  return r;
}

bool TlsTransport::push(std::string_view bytes) noexcept {
  // What is lost with the connection need not be kept.
  if (broken_ || write_broken_ || closed_) return true;
  if (!gathering_ && !out_) {
    const IoResult r = inner_->try_write({&bytes, 1});
    if (r.status == Status::kBroken) {
      write_broken_ = true;
      return true;
    }
    bytes.remove_prefix(r.bytes);
    if (bytes.empty()) return true;
  }
  if (!out_) out_ = loop().buffers().acquire(BlockSize::kLarge);
  if (out_.size() - out_end_ < bytes.size()) return false;
  std::memcpy(out_.data() + out_end_, bytes.data(), bytes.size());
  out_end_ += bytes.size();
  return true;
}

std::size_t TlsTransport::room() const noexcept {
  return out_ ? out_.size() - out_end_ : BufferPool::kDefaultLargeBytes;
}

bool TlsTransport::flush() noexcept {
  if (!out_) return true;
  if (!broken_ && !write_broken_ && !closed_ && out_begin_ < out_end_) {
    const std::string_view bytes(out_.data() + out_begin_, out_end_ - out_begin_);
    const IoResult r = inner_->try_write({&bytes, 1});
    if (r.status == Status::kBroken) write_broken_ = true;
    out_begin_ += r.bytes;
    if (!write_broken_ && out_begin_ < out_end_) return false;
  }
  out_.release();
  out_begin_ = out_end_ = 0;
  return true;
}

IoResult TlsTransport::try_read(std::span<char> into) noexcept {
  if (!usable()) return {Status::kBroken};
  drained_ = false;
  more_ = false;
  std::size_t got = 0;
  while (got < into.size() && (got == 0 || SSL_has_pending(ssl_.get()) != 0)) {
    std::size_t n = 0;
    const int outcome = SSL_read_ex(ssl_.get(), into.data() + got, into.size() - got, &n);
    if (outcome != 1) {
      const IoResult failed = failed_read(outcome);
      // What was read first is handed on first; an end or a failure is met again by the next read.
      if (got == 0) return failed;
      more_ = failed.status != Status::kWouldBlock;
      return {Status::kOk, got};
    }
    got += n;
  }
  more_ = SSL_has_pending(ssl_.get()) != 0;
  return {Status::kOk, got};
}

IoResult TlsTransport::failed_read(int outcome) noexcept {
  const int reason = SSL_get_error(ssl_.get(), outcome);
  // The answer to a message of the protocol, such as a key update, may wait there.
  flush();
  if (reason == SSL_ERROR_ZERO_RETURN) return {Status::kEnd};
  if (reason == SSL_ERROR_WANT_READ && !inner_ended_ && !broken_) return {Status::kWouldBlock};
  // A truncation, a failure of the protocol, or a peer that asks for answers and takes none.
  broken_ = true;
  ERR_clear_error();
  return {Status::kBroken};
}

// Encrypts what is offered from the byte `skip` on, as many records as there is room for; `skip` moves on.
// Returns the number of bytes.
std::size_t TlsTransport::encrypt(std::span<const std::string_view> pieces, std::size_t& skip) noexcept {
  char gathered[kMaxRecord];
  std::size_t total = 0;
  for (const std::string_view piece : pieces)
    total += piece.size();
  std::size_t done = 0;
  while (skip < total && room() >= kMaxRecord + kRecordOverhead + kControlRoom) {
    std::size_t at = skip;
    std::size_t i = 0;
    while (at >= pieces[i].size())
      at -= pieces[i++].size();
    std::string_view record = pieces[i].substr(at, kMaxRecord);
    if (record.size() < kMaxRecord && skip + record.size() < total) {
      std::size_t filled = 0;
      for (; i < pieces.size() && filled < kMaxRecord; ++i, at = 0) {
        const std::string_view part = pieces[i].substr(at, kMaxRecord - filled);
        std::memcpy(gathered + filled, part.data(), part.size());
        filled += part.size();
      }
      record = {gathered, filled};
    }
    // A single record goes straight to the inner transport.
    gathering_ = done > 0 || skip + record.size() < total;
    std::size_t written = 0;
    const int outcome = SSL_write_ex(ssl_.get(), record.data(), record.size(), &written);
    gathering_ = false;
    if (outcome != 1) {
      broken_ = true;
      ERR_clear_error();
      break;
    }
    done += written;
    skip += written;
  }
  return done;
}

IoResult TlsTransport::try_write(std::span<const std::string_view> pieces) noexcept {
  pieces = pieces.first(std::min(pieces.size(), kMaxPieces));
  std::size_t total = 0;
  for (const std::string_view piece : pieces)
    total += piece.size();
  if (!can_write()) return {Status::kBroken};
  if (!flush()) return {Status::kWouldBlock};
  // Encrypted by an earlier call, and gone now.
  std::size_t taken = std::exchange(owed_, 0);
  // Whoever offers other bytes than those that were not taken would send them twice.
  assert(taken <= total);
  std::size_t offered = taken;
  while (can_write() && offered < total) {
    const std::size_t batch = encrypt(pieces, offered);
    if (!flush()) {
      owed_ = batch;
      break;
    }
    taken += batch;
  }
  if (!can_write()) return {Status::kBroken};
  if (taken == 0 && total > 0) return {Status::kWouldBlock};
  return {Status::kOk, taken};
}

void TlsTransport::send_close_notify() noexcept {
  // Not behind bytes that could not be sent: it would say that the stream ended there.
  if (!can_write() || said_goodbye_ || out_) return;
  said_goodbye_ = true;
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

void TlsTransport::shutdown_write() noexcept {
  send_close_notify();
  inner_->shutdown_write();
}

void TlsTransport::close() noexcept {
  if (closed_) return;
  send_close_notify();
  closed_ = true;
  out_.release();
  inner_->close();
}

void TlsTransport::reset() noexcept {
  closed_ = true;
  out_.release();
  inner_->reset();
}

void TlsTransport::arm(Direction direction) {
  const bool now = broken_ || (direction == Direction::kRead ? more_ : write_broken_);
  if (!now) {
    inner_->listen(direction, direction == Direction::kRead ? &read_side_ : &write_side_);
    return;
  }
  loop().post([handle = handle_, direction] {
    if (handle->transport != nullptr) handle->transport->on_inner_ready(direction);
  });
}

void TlsTransport::watch_for_goodbye() {
  watched_ = true;
  if (usable()) arm_once(Direction::kRead);
}

void TlsTransport::on_inner_ready(Direction direction) {
  const bool reading = direction == Direction::kRead && usable();
  if (reading && (awaited(direction) || watched_) && only_protocol_messages()) {
    inner_->listen(direction, &read_side_);
    return;
  }
  const bool goodbye = reading && watched_ && !awaited(direction) &&
                       (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0;
  ready(direction);
  // Nothing after the call: the listener may destroy this transport.
  if (goodbye) peer_hung_up();
}

bool TlsTransport::only_protocol_messages() noexcept {
  drained_ = false;
  char ignored = 0;
  std::size_t n = 0;
  const int outcome = SSL_peek_ex(ssl_.get(), &ignored, 1, &n);
  more_ = outcome == 1 || failed_read(outcome).status != Status::kWouldBlock;
  return !more_;
}

int TlsTransport::on_new_session(ssl_st* ssl, ssl_session_st* session) {
  auto& self = *static_cast<TlsTransport*>(SSL_get_app_data(ssl));
  if (self.sessions_ == nullptr || SSL_SESSION_is_resumable(session) != 1) return 0;
  self.sessions_->put(self.session_key_, session);
  return 1;
}

}  // namespace sluice
