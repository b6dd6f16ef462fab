#include "gateway/base/error.h"

#include <array>
#include <cstddef>
#include <utility>

namespace sluice {
namespace {

constexpr std::string_view kInvalidRequest = "invalid_request_error";
constexpr std::string_view kApiError = "api_error";

// 499 is nginx's "client closed request": no client sees it, the access log and the metrics do.
constexpr std::array<ErrorTraits, kErrorKindCount> kTraits{{
    {"malformed_request", Fault::kDownstream, 400, kInvalidRequest, ""},
    {"unsupported_version", Fault::kDownstream, 505, kInvalidRequest, ""},
    {"uri_too_long", Fault::kDownstream, 414, kInvalidRequest, ""},
    {"head_too_large", Fault::kDownstream, 431, kInvalidRequest, ""},
    {"body_too_large", Fault::kDownstream, 413, kInvalidRequest, "request_too_large"},
    {"method_not_allowed", Fault::kDownstream, 405, kInvalidRequest, "method_not_allowed"},
    {"not_implemented", Fault::kDownstream, 501, kInvalidRequest, ""},
    {"expectation_failed", Fault::kDownstream, 417, kInvalidRequest, ""},
    {"request_timeout", Fault::kDownstream, 408, kInvalidRequest, "request_timeout"},
    {"client_gone", Fault::kDownstream, 499, kInvalidRequest, ""},
    {"invalid_body", Fault::kDownstream, 400, kInvalidRequest, ""},
    {"route_not_found", Fault::kDownstream, 404, kInvalidRequest, "unknown_url"},
    {"model_not_found", Fault::kDownstream, 404, kInvalidRequest, "model_not_found"},
    {"unsupported_media_type", Fault::kDownstream, 415, kInvalidRequest, ""},
    {"overloaded", Fault::kGateway, 503, kApiError, "overloaded"},
    {"deadline_exceeded", Fault::kGateway, 504, kApiError, "deadline_exceeded"},
    {"draining", Fault::kGateway, 503, kApiError, "draining"},
    {"killed", Fault::kGateway, 503, kApiError, "killed"},
    {"internal", Fault::kGateway, 500, kApiError, "internal_error"},
    {"config", Fault::kConfig, 500, kApiError, "internal_error"},
    {"no_endpoint", Fault::kUpstream, 503, kApiError, "no_endpoint"},
    {"connect_failed", Fault::kUpstream, 503, kApiError, "upstream_unavailable"},
    {"connect_timeout", Fault::kUpstream, 504, kApiError, "upstream_timeout"},
    {"upstream_reset", Fault::kUpstream, 502, kApiError, "upstream_reset"},
    {"upstream_malformed", Fault::kUpstream, 502, kApiError, "upstream_malformed"},
    {"upstream_timeout", Fault::kUpstream, 504, kApiError, "upstream_timeout"},
    {"upstream_cut", Fault::kUpstream, 502, kApiError, "upstream_cut"},
}};

}  // namespace

const ErrorTraits& traits(ErrorKind kind) noexcept {
  return kTraits[static_cast<std::size_t>(kind)];
}

std::string_view name(Fault fault) noexcept {
  switch (fault) {
    case Fault::kDownstream:
      return "downstream";
    case Fault::kUpstream:
      return "upstream";
    case Fault::kGateway:
      return "gateway";
    case Fault::kConfig:
      return "config";
  }
  return "";
}

const Error::Texts Error::kNone;

Error::Error(ErrorKind k, std::string detail, Retriable r, std::string param) : kind(k), retriable(r) {
  if (!detail.empty() || !param.empty())
    texts_ = std::make_unique<Texts>(std::move(detail), std::move(param));
}

Error::Error(const Error& other)
    : kind(other.kind),
      retriable(other.retriable),
      texts_(other.texts_ ? std::make_unique<Texts>(*other.texts_) : nullptr) {}

Error& Error::operator=(const Error& other) {
  return *this = Error(other);
}

const std::string& Error::detail() const noexcept {
  return texts_ ? texts_->detail : kNone.detail;
}

const std::string& Error::param() const noexcept {
  return texts_ ? texts_->param : kNone.param;
}

void Error::set_param(std::string param) {
  if (!texts_) texts_ = std::make_unique<Texts>();
  texts_->param = std::move(param);
}

}  // namespace sluice
