#pragma once

#include <termios.h>

#include <cstddef>
#include <span>
#include <string>

namespace sluice::ctl {

// The terminal of a full-screen command: the alternate screen without a cursor, keys without echo and without
// waiting for a line. Everything is as it was when it is destroyed, and Ctrl-C, SIGTERM and SIGHUP end a wait
// instead of the process, so that it is destroyed. Threads: one.
class Terminal {
 public:
  Terminal();
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  // Writes the lines over what is on the screen, in one write, so that nothing flickers.
  void show(std::span<const std::string> lines);

  enum class Event {
    kTimeout,
    kResized,
    kQuit
  };  // kQuit: `q`, Ctrl-C, Ctrl-D, SIGTERM, SIGHUP, a closed input
  Event wait(int milliseconds);

 private:
  Event read_signal();

  termios before_{};
  bool has_input_ = false;  // standard input is a terminal, which before_ describes
  int signals_ = -1;
};

struct ScreenSize {
  std::size_t columns = 80;
  std::size_t rows = 24;
};
// Of the terminal on standard output; 80 × 24 where it is none.
ScreenSize screen_size() noexcept;
bool on_terminal() noexcept;
// What a table has room for: the terminal's columns, or as many as it wants where output goes elsewhere.
std::size_t table_width() noexcept;
// Waits without a terminal, for output that is printed again and again.
void wait_milliseconds(int milliseconds) noexcept;

}  // namespace sluice::ctl
