#include <fmt/format.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>

#include "config/validate_sections.h"

// Where the process listens: every address once.
namespace sluice::config {
namespace {

class Addresses {
 public:
  explicit Addresses(Problems& problems) : problems_(problems) {}

  // `owner` is the section that listens there, `key` its key that says so. Port 0 is another port each time,
  // so two of them do not collide.
  void take(Address address, const std::string& owner, std::string_view key) {
    const std::string path = join_path(owner, key);
    if (problems_.failed(path) || (address.kind == Address::Kind::kTcp && address.port == 0)) return;
    const std::string shown = address.to_string();
    // `./a.sock` and `a.sock` are the same socket.
    address.path = std::filesystem::path(address.path).lexically_normal().string();
    const auto [it, is_new] = first_.emplace(std::move(address), path);
    if (is_new) return;
    if (problems_.is_placed(it->second)) {
      complain_of_duplicate(problems_, path, shown, it->second, "choose another");
    } else {
      problems_.error(path, fmt::format("{} is the default of {}; choose another, or set {}", shown,
                                        it->second, it->second));
    }
  }

 private:
  Problems& problems_;
  std::unordered_map<Address, std::string> first_;  // the path that took it
};

}  // namespace

// The admin address comes first because it may be the default, which has no place in the file to point at.
void validate_listening(const Config& config, Problems& problems) {
  Addresses addresses(problems);
  if (config.admin.enabled && !problems.failed("admin.enabled")) {
    addresses.take(config.admin.address, "admin", "address");
    if (config.admin.socket) addresses.take(Address::unix_socket(*config.admin.socket), "admin", "socket");
  }
  for (std::size_t i = 0; i < config.listeners.size(); ++i)
    addresses.take(config.listeners[i].address, index_path("listeners", i), "address");
}

}  // namespace sluice::config
