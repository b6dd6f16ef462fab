#include "backends/worker/progress_bar.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <utility>

namespace sluice::worker {
namespace {

constexpr double kMarks = 20;

}  // namespace

std::string progress_line(double share) {
  share = std::clamp(share, 0.0, 1.0);
  const std::string marks(static_cast<std::size_t>(share * kMarks), '#');
  return fmt::format("loading  [{:<{}}] {:3} %", marks, static_cast<int>(kMarks),
                     static_cast<int>(share * 100));
}

ProgressBar::ProgressBar() : on_terminal_(::isatty(STDERR_FILENO) == 1) {}

ProgressBar::~ProgressBar() {
  if (!shown_.empty()) std::fputs(("\r" + std::string(shown_.size(), ' ') + "\r").c_str(), stderr);
}

void ProgressBar::show(double share) {
  if (!on_terminal_) return;
  std::string line = progress_line(share);
  if (line == shown_) return;
  shown_ = std::move(line);
  std::fputs(("\r" + shown_).c_str(), stderr);
}

}  // namespace sluice::worker
