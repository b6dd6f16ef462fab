#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "gateway/app/admin/page.h"
#include "gateway/base/secret.h"

namespace sluice {

// Where a request came in and what it shows of itself.
struct AdminCaller {
  bool unix_socket = false;         // on admin.socket, which the system lets its owner alone open
  std::string_view peer;            // HOST:PORT
  std::string_view authorization;   // the field's value, empty if there is none
  std::string_view authority = {};  // Host's value
  bool has_origin = false;          // sent by a page in somebody's browser
};

enum class AdminVerdict : std::uint8_t {
  kAllowed,
  kNoToken,    // 401: a token is asked for and this is not it
  kCrossSite,  // 403: a browser's page may read nothing and change nothing here
  kOtherHost,  // 403: from this machine, but for a name that is not its own
  kNotLocal,   // 403: without a token only this machine changes something
};

// Decides who may see and change what:
//   /live and /ready        anybody
//   other pages             whoever shows the token, or anybody where none is configured
//   changes                 the same, but without a token from this machine only
//   on the unix socket      everything, without a token
// Without a token, a request from this machine must name it by an address or as localhost: the operator's
// browser may have been led here under a foreign page's name (DNS rebinding). A request that carries Origin
// and is no GET is refused everywhere: a browser adds it to what a foreign page sends, and an operator's
// browser may reach addresses that the page's author cannot (CSRF).
class AdminAccess {
 public:
  explicit AdminAccess(std::optional<Secret> token) : token_(std::move(token)) {}

  AdminVerdict check(const AdminRoute& route, const AdminCaller& caller) const noexcept;

 private:
  std::optional<Secret> token_;
};

std::string_view name(AdminVerdict verdict) noexcept;

}  // namespace sluice
