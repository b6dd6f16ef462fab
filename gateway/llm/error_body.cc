#include "gateway/llm/error_body.h"

#include "gateway/base/json_escape.h"
#include "gateway/llm/sse.h"

namespace sluice::llm {
namespace {

std::string_view default_message(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::kMalformedRequest:
      return "The request is not valid HTTP.";
    case ErrorKind::kUnsupportedVersion:
      return "This HTTP version is not supported.";
    case ErrorKind::kUriTooLong:
      return "The request target is too long.";
    case ErrorKind::kHeadTooLarge:
      return "The request's header fields are too large.";
    case ErrorKind::kBodyTooLarge:
      return "The request body is too large.";
    case ErrorKind::kMethodNotAllowed:
      return "Not allowed to use this method on this URL.";
    case ErrorKind::kNotImplemented:
      return "The request uses a feature that is not implemented.";
    case ErrorKind::kExpectationFailed:
      return "The request's expectation cannot be met.";
    case ErrorKind::kRequestTimeout:
      return "The request was not received in time.";
    case ErrorKind::kClientGone:
      return "The client closed the request.";
    case ErrorKind::kInvalidBody:
      return "We could not parse the JSON body of your request.";
    case ErrorKind::kRouteNotFound:
      return "Unknown request URL. Please check the URL for typos.";
    case ErrorKind::kModelNotFound:
      return "The requested model does not exist or you do not have access to it.";
    case ErrorKind::kUnsupportedMediaType:
      return "The request's Content-Type is not supported; send application/json.";
    case ErrorKind::kOverloaded:
      return "The server is overloaded. Please try again later.";
    case ErrorKind::kDeadlineExceeded:
      return "The request took too long to complete.";
    case ErrorKind::kDraining:
      return "The server is shutting down. Please try again.";
    case ErrorKind::kKilled:
      return "The request was ended by the operator.";
    case ErrorKind::kInternal:
    case ErrorKind::kConfig:
      return "The server had an error while processing your request.";
    case ErrorKind::kNoEndpoint:
    case ErrorKind::kConnectFailed:
      return "No model server is available for this request. Please try again later.";
    case ErrorKind::kConnectTimeout:
    case ErrorKind::kUpstreamTimeout:
      return "The model server did not answer in time.";
    case ErrorKind::kUpstreamReset:
    case ErrorKind::kUpstreamMalformed:
      return "The model server gave no valid answer.";
    case ErrorKind::kUpstreamCut:
      return "The model server ended its answer before it was complete.";
  }
  return "The server had an error while processing your request.";
}

void append_member(std::string_view name, std::string_view value, bool nullable, std::string& out) {
  out += '"';
  out += name;
  out += "\":";
  if (nullable && value.empty()) {
    out += "null";
    return;
  }
  out += '"';
  json_escape(value, out);
  out += '"';
}

}  // namespace

std::string_view client_message(const Error& error) noexcept {
  if (error.fault() == Fault::kDownstream && !error.detail().empty()) return error.detail();
  return default_message(error.kind);
}

std::string error_body(const Error& error) {
  const ErrorTraits& kind = traits(error.kind);
  std::string out = "{\"error\":{";
  append_member("message", client_message(error), false, out);
  out += ',';
  append_member("type", kind.type, false, out);
  out += ',';
  append_member("param", error.param(), true, out);
  out += ',';
  append_member("code", kind.code, true, out);
  out += "}}";
  return out;
}

std::string sse_error_event(const Error& error) {
  std::string out;
  append_sse_event(error_body(error), out);
  return out;
}

}  // namespace sluice::llm
