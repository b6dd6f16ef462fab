#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "gateway/base/result.h"
#include "gateway/net/transport.h"
#include "gateway/runtime/task.h"

namespace sluice {

// How this process was started, and so how its successor is. The path is looked up again at each start, so
// that a program that was exchanged on disk, or behind a link, is the new one.
struct Program {
  std::string path;
  std::vector<std::string> arguments;  // with the program's name in front

  // `path`: the first argument if it names a file, else what /proc/self/exe is at this moment.
  static Program current(int argc, char** argv);
};

// A listening socket on its way to the successor. The descriptor is borrowed.
struct HandedSocket {
  std::string name;
  int fd;
};

// The process that takes over: started with this one's listening sockets, it opens its configuration and says
// when it accepts (InheritedSockets::tell_ready). Both then accept from the same sockets until this one
// closes its own, so no client is refused at any moment.
//
// Threads: its loop's only. A successor that is dropped before it is ready is killed.
class Successor {
 public:
  // How long the new process may take until it accepts.
  static constexpr Duration kStartTimeout = std::chrono::seconds(60);

  // kConfig when the program cannot be started.
  static Result<std::unique_ptr<Successor>> start(Loop& loop, const Program& program,
                                                  const std::vector<HandedSocket>& sockets);
  ~Successor();
  Successor(const Successor&) = delete;
  Successor& operator=(const Successor&) = delete;

  pid_t pid() const noexcept { return pid_; }

  // Waits until it accepts. kConfig when it ended or took longer than kStartTimeout; it has then ended.
  Task<Result<void>> ready();

 private:
  Successor(Loop& loop, pid_t pid, int ready_fd);

  std::string end();

  pid_t pid_;
  bool accepts_ = false;
  std::unique_ptr<Transport> word_;  // our end of the socket pair that the successor speaks on
};

}  // namespace sluice
