#pragma once

#include <string>
#include <string_view>

namespace sluice {

// The host of an authority (`host:port`), without port, brackets kept, and without the dot that may end a
// fully qualified name. Case is as it came.
std::string_view host_of_authority(std::string_view authority) noexcept;

// A host name, or `*.` and the end of one, which stands for any name below it. Lower case.
class HostPattern {
 public:
  explicit HostPattern(std::string text)
      : wildcard_(text.starts_with("*.")), text_(wildcard_ ? text.substr(1) : std::move(text)) {}

  // `host` is in lower case and without port.
  bool matches(std::string_view host) const noexcept {
    return wildcard_ ? host.size() > text_.size() && host.ends_with(text_) : host == text_;
  }

  bool is_wildcard() const noexcept { return wildcard_; }
  // The name, with a wildcard the end of it: `.example.org`.
  const std::string& text() const noexcept { return text_; }

 private:
  bool wildcard_;
  std::string text_;
};

}  // namespace sluice
