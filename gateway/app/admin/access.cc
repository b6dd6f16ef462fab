#include "gateway/app/admin/access.h"

#include "gateway/base/address.h"
#include "gateway/base/ip_network.h"
#include "gateway/http/header_id.h"
#include "gateway/proxy/host_pattern.h"

namespace sluice {
namespace {

// Of `Bearer TOKEN` (RFC 6750 2.1; the scheme in any case, RFC 9110 11.1); empty for another scheme.
std::string_view bearer(std::string_view authorization) {
  constexpr std::string_view kScheme = "Bearer ";
  if (!equals_ignoring_case(authorization.substr(0, kScheme.size()), kScheme)) return {};
  return authorization.substr(kScheme.size());
}

bool is_loopback(std::string_view peer) {
  const Result<Address> address = parse_address(peer);
  return address && address->kind == Address::Kind::kTcp &&
         (address->host == "::1" || address->host.starts_with("127."));
}

bool names_this_machine(std::string_view authority) {
  std::string_view host = host_of_authority(authority);
  if (equals_ignoring_case(host, "localhost")) return true;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return parse_ip_address(host).has_value();
}

}  // namespace

AdminVerdict AdminAccess::check(const AdminRoute& route, const AdminCaller& caller) const noexcept {
  if (caller.has_origin && route.method != Method::kGet) return AdminVerdict::kCrossSite;
  if (route.open || caller.unix_socket) return AdminVerdict::kAllowed;
  if (token_)
    return token_->matches(bearer(caller.authorization)) ? AdminVerdict::kAllowed : AdminVerdict::kNoToken;
  const bool local = is_loopback(caller.peer);
  if (local && !names_this_machine(caller.authority)) return AdminVerdict::kOtherHost;
  if (!route.change.empty() && !local) return AdminVerdict::kNotLocal;
  return AdminVerdict::kAllowed;
}

std::string_view name(AdminVerdict verdict) noexcept {
  switch (verdict) {
    case AdminVerdict::kAllowed:
      return "allowed";
    case AdminVerdict::kNoToken:
      return "no_token";
    case AdminVerdict::kCrossSite:
      return "cross_site";
    case AdminVerdict::kOtherHost:
      return "other_host";
    case AdminVerdict::kNotLocal:
      return "not_local";
  }
  return "";
}

}  // namespace sluice
