#pragma once

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>

#include "gateway/base/sanitized.h"

namespace sluice {

// The system calls of a request's path, not by way of glibc's functions of their names: in those a thread may
// be cancelled, which costs two locked instructions each. Sanitizers know the functions and look at the
// memory that they touch, so their builds call them. Results as of the functions.

inline ssize_t receive(int fd, char* into, std::size_t size) noexcept {
  if constexpr (kSanitized) return ::recv(fd, into, size, 0);
  return ::syscall(SYS_recvfrom, fd, into, size, 0, nullptr, nullptr);
}

// Without a signal where nobody receives.
inline ssize_t send(int fd, const msghdr& message) noexcept {
  if constexpr (kSanitized) return ::sendmsg(fd, &message, MSG_NOSIGNAL);
  return ::syscall(SYS_sendmsg, fd, &message, MSG_NOSIGNAL);
}

inline int wait_for_events(int set, epoll_event* events, int most, int timeout_ms) noexcept {
  if constexpr (kSanitized) return ::epoll_wait(set, events, most, timeout_ms);
  constexpr std::size_t kKernelSignalSet = 8;
  return static_cast<int>(
      ::syscall(SYS_epoll_pwait, set, events, most, timeout_ms, nullptr, kKernelSignalSet));
}

}  // namespace sluice
