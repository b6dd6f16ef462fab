#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace sluice {

// What went wrong, as one closed list. Each kind has a name, a fault and an HTTP status in `traits(kind)`;
// the Responder turns a kind into an answer, metrics and the access log use its name as a label.
enum class ErrorKind : std::uint8_t {
  // The client's bytes or behaviour.
  kMalformedRequest,    // framing or head that RFC 9110/9112 forbids; the connection closes
  kUnsupportedVersion,  // an HTTP version other than 1.0 and 1.1
  kUriTooLong,
  kHeadTooLarge,  // bytes of the head or number of fields
  kBodyTooLarge,
  kMethodNotAllowed,
  kNotImplemented,     // CONNECT, TRACE, an unknown transfer coding
  kExpectationFailed,  // Expect other than 100-continue
  kRequestTimeout,     // the head or the body came too slowly
  kClientGone,         // the client closed or half-closed its side before the answer ended
  kInvalidBody,        // the body is not what the route needs (JSON, types)
  kRouteNotFound,
  kModelNotFound,
  kUnsupportedMediaType,
  // The gateway itself.
  kOverloaded,        // a bounded queue or a connection limit is full
  kDeadlineExceeded,  // the exchange's total deadline passed
  kDraining,
  kKilled,  // an operator ended the exchange
  kInternal,
  kConfig,
  // The backend.
  kNoEndpoint,     // the cluster has no usable endpoint
  kConnectFailed,  // refused, unreachable, unresolvable
  kConnectTimeout,
  kUpstreamReset,      // closed or reset before a complete answer head
  kUpstreamMalformed,  // an answer that breaks RFC 9112
  kUpstreamTimeout,    // no head, or no body byte, in time
  kUpstreamCut,        // closed in the middle of the answer's body
};
inline constexpr int kErrorKindCount = static_cast<int>(ErrorKind::kUpstreamCut) + 1;

// Whose doing it is: decides who is charged, which breaker hears of it and how loud the log is.
enum class Fault : std::uint8_t { kDownstream, kUpstream, kGateway, kConfig };

// May the same request be sent again? kReused: only because a kept-alive connection was closed under it.
enum class Retriable : std::uint8_t { kNever, kAlways, kReused };

struct ErrorTraits {
  std::string_view name;  // snake_case, stable: a metric label and an access-log value
  Fault fault;
  int status;             // the HTTP status a client gets
  std::string_view type;  // OpenAI's error.type
  std::string_view code;  // OpenAI's error.code, empty for null
};

const ErrorTraits& traits(ErrorKind kind) noexcept;
std::string_view name(Fault fault) noexcept;

// An expected failure. Small, because the frame of every coroutine has places for several; the texts are
// elsewhere, and there only if there are any.
class Error {
 public:
  ErrorKind kind;
  Retriable retriable;

  // `detail` is for operators and, where the fault is the client's, for the client; it never holds a key, a
  // prompt or a header's value. `param` names the member of the request at fault, for OpenAI's error.param.
  explicit Error(ErrorKind k = ErrorKind::kInternal, std::string detail = {}, Retriable r = Retriable::kNever,
                 std::string param = {});
  Error(const Error& other);
  Error& operator=(const Error& other);
  Error(Error&&) noexcept = default;
  Error& operator=(Error&&) noexcept = default;
  ~Error() = default;

  const std::string& detail() const noexcept;
  const std::string& param() const noexcept;
  void set_param(std::string param);
  Fault fault() const noexcept { return traits(kind).fault; }

 private:
  struct Texts {
    std::string detail;
    std::string param;
  };
  static const Texts kNone;

  std::unique_ptr<Texts> texts_;  // null: both are empty
};

}  // namespace sluice
