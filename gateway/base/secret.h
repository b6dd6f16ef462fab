#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace sluice {

// A token or key in memory. It cannot be printed, logged or compared with ==: matches() takes the same time
// wherever two texts differ, so that nobody finds a secret letter by letter. Its bytes are wiped when it is
// destroyed. Threads: const members, any.
class Secret {
 public:
  explicit Secret(std::string bytes) noexcept : bytes_(std::move(bytes)) {}
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret();

  // Tells an observer no more than the offered text's own length. An empty secret matches nothing.
  bool matches(std::string_view offered) const noexcept;
  // The bytes themselves, for whoever must send them.
  std::string_view reveal() const noexcept { return bytes_; }

 private:
  std::string bytes_;
};

// Overwrites a text's memory in a way that the compiler may not leave out, and empties it.
void wipe(std::string& text) noexcept;

}  // namespace sluice
