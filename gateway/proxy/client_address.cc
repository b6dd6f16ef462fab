#include "gateway/proxy/client_address.h"

#include <algorithm>
#include <optional>
#include <vector>

namespace sluice {
namespace {

std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
    text.remove_suffix(1);
  return text;
}

// An entry's address without brackets and port. A bare IPv6 address has more than one colon and no port.
std::string_view host_of_entry(std::string_view entry) noexcept {
  if (entry.starts_with('[')) return entry.substr(1, std::min(entry.find(']'), entry.size()) - 1);
  const std::size_t colon = entry.find(':');
  if (colon == std::string_view::npos || entry.find(':', colon + 1) != std::string_view::npos) return entry;
  return entry.substr(0, colon);
}

// RFC 7239 4: the `for` parameter of one element, its quotes removed.
std::string_view for_of_element(std::string_view element) noexcept {
  while (!element.empty()) {
    const std::size_t end = std::min(element.find(';'), element.size());
    const std::string_view pair = trim(element.substr(0, end));
    element.remove_prefix(std::min(end + 1, element.size()));
    if (pair.size() < 4 || !equals_ignoring_case(pair.substr(0, 4), "for=")) continue;
    std::string_view node = pair.substr(4);
    if (node.size() >= 2 && node.starts_with('"') && node.ends_with('"'))
      node = node.substr(1, node.size() - 2);
    return node;
  }
  return {};
}

// The elements of a list header from its end, over all of its fields, one at a time. A comma in a quoted
// string splits it too; no address has one, so the pieces end the walk.
class ReverseList {
 public:
  ReverseList(const Headers& headers, HeaderId id) : headers_(headers), id_(id), field_(headers.size()) {}

  std::optional<std::string_view> next() {
    while (rest_.empty()) {
      if (field_ == 0) return std::nullopt;
      if (const Headers::Field field = headers_[--field_]; field.id == id_) rest_ = field.value;
    }
    const std::size_t comma = rest_.rfind(',');
    const std::string_view element = trim(comma == std::string_view::npos ? rest_ : rest_.substr(comma + 1));
    rest_ = comma == std::string_view::npos ? std::string_view() : rest_.substr(0, comma);
    return element;
  }

 private:
  const Headers& headers_;
  HeaderId id_;
  std::size_t field_;
  std::string_view rest_;
};

bool is_trusted(const IpAddress& address, std::span<const IpNetwork> trusted) noexcept {
  return std::ranges::any_of(trusted, [&](const IpNetwork& network) { return network.contains(address); });
}

}  // namespace

std::string_view host_of_peer(std::string_view peer) noexcept {
  if (peer.starts_with("unix") || peer.rfind(':') == std::string_view::npos) return peer;
  return host_of_entry(peer);
}

ClientAddress client_address(const Headers& headers, std::string_view peer,
                             std::span<const IpNetwork> trusted) {
  ClientAddress client{.text = std::string(host_of_peer(peer))};
  if (trusted.empty()) return client;
  const std::optional<IpAddress> neighbour = peer_ip_address(peer);
  if (!neighbour || !is_trusted(*neighbour, trusted)) return client;
  client.through_proxy = true;
  const bool classic = headers.has(HeaderId::kXForwardedFor);
  ReverseList chain(headers, classic ? HeaderId::kXForwardedFor : HeaderId::kForwarded);
  for (int hop = 0; hop < kMaxProxyHops; ++hop) {
    const std::optional<std::string_view> element = chain.next();
    if (!element) break;
    const std::string_view host = host_of_entry(classic ? *element : for_of_element(*element));
    const std::optional<IpAddress> address = parse_ip_address(host);
    if (!address) break;
    client.text = host;
    if (!is_trusted(*address, trusted)) break;
  }
  return client;
}

}  // namespace sluice
