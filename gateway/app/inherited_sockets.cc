#include "gateway/app/inherited_sockets.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

extern char** environ;

namespace sluice {
namespace {

constexpr int kFirstFd = 3;  // as in sd_listen_fds(3)
// More than 256 shards of 64 listeners: a number beyond it is no list of sockets.
constexpr int kMaxSockets = 16 * 1024;

// Ours: the names of the sockets, separated by colons, from descriptor 3 on. The one after them is for the
// word that this process is ready.
constexpr const char* kHandover = "SLUICE_HANDOVER";

std::optional<int> number(const char* text) {
  if (text == nullptr) return std::nullopt;
  const std::string_view view(text);
  int value = 0;
  const auto [end, error] = std::from_chars(view.data(), view.data() + view.size(), value);
  if (error != std::errc() || end != view.data() + view.size() || value < 0) return std::nullopt;
  return value;
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(':'), text.size());
    out.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

bool belongs_to(const Address& bound, std::string_view bound_name, const Address& wanted,
                std::string_view name) {
  if (wanted.kind == Address::Kind::kTcp && wanted.port == 0)
    return bound.kind == Address::Kind::kTcp && bound.host == wanted.host && bound_name == socket_name(name);
  return bound == wanted;
}

}  // namespace

std::string socket_name(std::string_view name) {
  std::string out(name);
  std::ranges::replace_if(out, [](unsigned char c) { return c <= ' ' || c >= 0x7f || c == ':'; }, '_');
  return out;
}

InheritedSockets InheritedSockets::from_environment() {
  InheritedSockets sockets;
  std::vector<std::string> names;
  const char* handed = ::getenv(kHandover);
  if (handed != nullptr) {
    names = split(handed);
    sockets.ready_fd_ = kFirstFd + static_cast<int>(names.size());
    ::fcntl(sockets.ready_fd_, F_SETFD, FD_CLOEXEC);
  } else if (number(::getenv("LISTEN_PID")) == static_cast<int>(::getpid())) {
    const char* fd_names = ::getenv("LISTEN_FDNAMES");
    names = split(fd_names == nullptr ? "" : fd_names);
    names.resize(static_cast<std::size_t>(std::min(number(::getenv("LISTEN_FDS")).value_or(0), kMaxSockets)));
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    Result<ListenSocket> socket = ListenSocket::adopt(kFirstFd + static_cast<int>(i));
    if (socket) sockets.add(std::move(names[i]), std::move(*socket));
  }
  return sockets;
}

InheritedSockets::InheritedSockets(InheritedSockets&& other) noexcept
    : entries_(std::move(other.entries_)), ready_fd_(std::exchange(other.ready_fd_, -1)) {}

InheritedSockets::~InheritedSockets() {
  if (ready_fd_ >= 0) ::close(ready_fd_);
}

void InheritedSockets::add(std::string name, ListenSocket socket) {
  entries_.push_back({std::move(name), std::move(socket)});
}

std::vector<ListenSocket> InheritedSockets::take(const Address& address, std::string_view name) {
  std::vector<ListenSocket> out;
  std::vector<Entry> rest;
  for (Entry& entry : entries_) {
    if (belongs_to(entry.socket.address(), entry.name, address, name)) {
      out.push_back(std::move(entry.socket));
    } else {
      rest.push_back(std::move(entry));
    }
  }
  entries_.swap(rest);
  // A predecessor's file is ours to remove in the end; a service manager removes its own.
  if (!out.empty() && ready_fd_ >= 0) out.front().own_path();
  return out;
}

std::size_t InheritedSockets::close_rest() noexcept {
  const std::size_t left = entries_.size();
  entries_.clear();
  return left;
}

void InheritedSockets::tell_ready() noexcept {
  if (ready_fd_ < 0) return;
  (void)::send(ready_fd_, "1", 1, MSG_NOSIGNAL);
  ::close(std::exchange(ready_fd_, -1));
}

std::vector<std::string> successor_environment(const std::vector<std::string>& names) {
  std::vector<std::string> out;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text(*variable);
    if (!text.starts_with("SLUICE_HANDOVER=") && !text.starts_with("LISTEN_")) out.emplace_back(text);
  }
  std::string handover = "SLUICE_HANDOVER=";
  for (std::size_t i = 0; i < names.size(); ++i)
    handover.append(i == 0 ? "" : ":").append(names[i]);
  out.push_back(std::move(handover));
  return out;
}

}  // namespace sluice
