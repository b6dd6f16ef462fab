#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::test {

// Writes messages as name servers do (RFC 1035 4), and as they should not. Names are written in full;
// `bytes` holds what was written so far, for pointers and damage.
class DnsMessage {
 public:
  // An answer to one question.
  DnsMessage(std::string_view name, std::uint16_t type, std::uint16_t flags = 0x8180, std::uint16_t id = 0) {
    number(id, 2).number(flags, 2).number(1, 2).number(0, 2).number(0, 2).number(0, 2);
    this->name(name).number(type, 2).number(1, 2);
  }

  // The head of a record in the answer, the authority or the additional section, in this order.
  enum Section : std::uint8_t { kAnswer = 6, kAuthority = 8, kAdditional = 10 };
  DnsMessage& record(std::string_view owner, std::uint16_t type, std::uint32_t ttl, std::string_view data,
                     Section section = kAnswer) {
    const auto count = static_cast<unsigned char>(bytes[section + 1]) + 1;
    bytes[section] = static_cast<char>(static_cast<unsigned char>(bytes[section]) + (count >> 8));
    bytes[section + 1] = static_cast<char>(count & 0xFF);
    name(owner).number(type, 2).number(1, 2).number(ttl, 4).number(data.size(), 2);
    bytes += data;
    return *this;
  }
  DnsMessage& a(std::string_view owner, std::uint32_t ttl, std::string_view four, Section section = kAnswer) {
    return record(owner, 1, ttl, four, section);
  }
  DnsMessage& cname(std::string_view owner, std::uint32_t ttl, std::string_view target) {
    return record(owner, 5, ttl, wire(target));
  }
  DnsMessage& srv(std::string_view owner, std::uint32_t ttl, std::uint16_t priority, std::uint16_t weight,
                  std::uint16_t port, std::string_view target) {
    return record(owner, 33, ttl, text(priority, 2) + text(weight, 2) + text(port, 2) + wire(target));
  }

  DnsMessage& number(std::uint64_t value, int width) {
    bytes += text(value, width);
    return *this;
  }
  DnsMessage& name(std::string_view dotted) {
    bytes += wire(dotted);
    return *this;
  }

  static std::string text(std::uint64_t value, int width) {
    std::string out;
    for (int shift = 8 * (width - 1); shift >= 0; shift -= 8)
      out.push_back(static_cast<char>(value >> shift & 0xFF));
    return out;
  }
  static std::string wire(std::string_view dotted) {
    std::string out;
    while (!dotted.empty()) {
      const std::string_view label = dotted.substr(0, dotted.find('.'));
      out.push_back(static_cast<char>(label.size()));
      out += label;
      dotted.remove_prefix(std::min(label.size() + 1, dotted.size()));
    }
    out.push_back('\0');
    return out;
  }

  std::string bytes;
};

}  // namespace sluice::test
