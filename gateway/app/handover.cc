#include "gateway/app/handover.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "gateway/app/inherited_sockets.h"
#include "gateway/net/tcp_transport.h"

namespace sluice {
namespace {

constexpr int kFirstFd = 3;  // where the successor looks for its sockets

std::unexpected<Error> cannot_start(const Program& program, int reason) {
  return fail(ErrorKind::kConfig, "cannot start " + program.path + ": " + std::strerror(reason));
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts)
    out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

// The descriptors that the new process gets, from kFirstFd on in their order. They are copied out of the way
// first: a descriptor that has another's number would be lost under it.
class SpawnDescriptors {
 public:
  explicit SpawnDescriptors(std::size_t count) : lowest_(kFirstFd + static_cast<int>(count)) {
    ::posix_spawn_file_actions_init(&actions_);
  }
  SpawnDescriptors(const SpawnDescriptors&) = delete;
  SpawnDescriptors& operator=(const SpawnDescriptors&) = delete;
  ~SpawnDescriptors() {
    ::posix_spawn_file_actions_destroy(&actions_);
    for (const int copy : copies_)
      ::close(copy);
  }

  // False when this process has no descriptor left.
  bool add(int fd) {
    const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, lowest_);
    if (copy < 0) return false;
    const int target = kFirstFd + static_cast<int>(copies_.size());
    copies_.push_back(copy);
    return ::posix_spawn_file_actions_adddup2(&actions_, copy, target) == 0;
  }
  const posix_spawn_file_actions_t* actions() const noexcept { return &actions_; }

 private:
  int lowest_;
  posix_spawn_file_actions_t actions_;
  std::vector<int> copies_;
};

}  // namespace

Program Program::current(int argc, char** argv) {
  Program program;
  program.arguments.assign(argv, argv + argc);
  std::error_code ignored;
  const bool names_file = argc > 0 && program.arguments[0].contains('/');
  program.path = names_file ? std::filesystem::absolute(program.arguments[0], ignored).string()
                            : std::filesystem::read_symlink("/proc/self/exe", ignored).string();
  return program;
}

Result<std::unique_ptr<Successor>> Successor::start(Loop& loop, const Program& program,
                                                    const std::vector<HandedSocket>& sockets) {
  int word[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, word) != 0)
    return cannot_start(program, errno);
  // Closes the successor's end here in any case: it is told to have ended by the end of the stream.
  const std::unique_ptr<int, void (*)(int*)> far(&word[1], [](int* fd) { ::close(*fd); });

  SpawnDescriptors descriptors(sockets.size() + 1);
  std::vector<std::string> names;
  bool copied = true;
  for (const HandedSocket& socket : sockets) {
    names.push_back(socket_name(socket.name));
    copied = copied && descriptors.add(socket.fd);
  }
  copied = copied && descriptors.add(word[1]);
  const int no_descriptors = errno;
  if (!copied) {
    ::close(word[0]);
    return cannot_start(program, no_descriptors);
  }
  std::vector<std::string> arguments = program.arguments;
  std::vector<std::string> environment = successor_environment(names);
  pid_t pid = 0;
  const int failed = ::posix_spawn(&pid, program.path.c_str(), descriptors.actions(), nullptr,
                                   pointers(arguments).data(), pointers(environment).data());
  if (failed != 0) {
    ::close(word[0]);
    return cannot_start(program, failed);
  }
  return std::unique_ptr<Successor>(new Successor(loop, pid, word[0]));
}

Successor::Successor(Loop& loop, pid_t pid, int ready_fd)
    : pid_(pid), word_(std::make_unique<TcpTransport>(loop, ready_fd, "successor", AF_UNIX)) {}

Successor::~Successor() {
  if (!accepts_ && pid_ > 0) (void)end();
}

Task<Result<void>> Successor::ready() {
  const TimePoint deadline = word_->loop().now() + kStartTimeout;
  for (;;) {
    char byte[1];
    const IoResult got = word_->try_read(byte);
    if (got.status == IoResult::Status::kOk) {
      accepts_ = true;
      co_return Result<void>();
    }
    if (got.status != IoResult::Status::kWouldBlock)
      co_return fail(ErrorKind::kConfig, "it " + end() + " before it accepted");
    const bool readable = co_await word_->readable(deadline);
    if (readable) continue;
    (void)end();
    co_return fail(ErrorKind::kConfig, "it did not accept within 60 seconds and was killed");
  }
}

// Makes sure that it has ended, and tells how. The wait is short: it is ending already, or killed.
std::string Successor::end() {
  const pid_t pid = std::exchange(pid_, -1);
  ::kill(pid, SIGKILL);
  int status = 0;
  (void)::waitpid(pid, &status, 0);
  if (WIFEXITED(status)) return "ended with status " + std::to_string(WEXITSTATUS(status));
  return "was ended by signal " + std::to_string(WTERMSIG(status));
}

}  // namespace sluice
