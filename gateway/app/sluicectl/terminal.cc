#include "gateway/app/sluicectl/terminal.h"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <string_view>

namespace sluice::ctl {
namespace {

// xterm's private modes 1049 (alternate screen) and 25 (cursor), which every terminal of today knows.
constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l\x1b[2J";
constexpr std::string_view kLeave = "\x1b[?25h\x1b[?1049l";

void write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (written <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

sigset_t awaited_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGWINCH})
    ::sigaddset(&set, number);
  return set;
}

}  // namespace

Terminal::Terminal() {
  const sigset_t set = awaited_signals();
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  signals_ = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  has_input_ = ::tcgetattr(STDIN_FILENO, &before_) == 0;
  if (has_input_) {
    termios raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  }
  write_all(kEnter);
}

Terminal::~Terminal() {
  write_all(kLeave);
  if (has_input_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  if (signals_ >= 0) ::close(signals_);
  const sigset_t set = awaited_signals();
  ::sigprocmask(SIG_UNBLOCK, &set, nullptr);
}

void Terminal::show(std::span<const std::string> lines) {
  std::string out = "\x1b[H";
  for (std::size_t i = 0; i < lines.size(); ++i)
    out.append(i > 0 ? "\r\n" : "").append(lines[i]).append("\x1b[K");
  write_all(out + "\x1b[J");
}

Terminal::Event Terminal::read_signal() {
  signalfd_siginfo info{};
  if (::read(signals_, &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return Event::kTimeout;
  return info.ssi_signo == SIGWINCH ? Event::kResized : Event::kQuit;
}

Terminal::Event Terminal::wait(int milliseconds) {
  pollfd watched[] = {{signals_, POLLIN, 0}, {has_input_ ? STDIN_FILENO : -1, POLLIN, 0}};
  if (::poll(watched, 2, milliseconds) <= 0) return Event::kTimeout;
  if (watched[0].revents != 0) return read_signal();
  char key = 0;
  const bool read = ::read(STDIN_FILENO, &key, 1) == 1;
  constexpr char kEndOfInput = 4;
  if (!read || key == 'q' || key == kEndOfInput) return Event::kQuit;
  return Event::kResized;  // any other key draws anew
}

ScreenSize screen_size() noexcept {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {};
  return {size.ws_col, size.ws_row};
}

bool on_terminal() noexcept {
  return ::isatty(STDOUT_FILENO) == 1;
}

std::size_t table_width() noexcept {
  return on_terminal() ? screen_size().columns : static_cast<std::size_t>(-1);
}

void wait_milliseconds(int milliseconds) noexcept {
  (void)::poll(nullptr, 0, milliseconds);
}

}  // namespace sluice::ctl
