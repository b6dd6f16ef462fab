#pragma once

#include <string>

namespace sluice::worker {

// "loading  [#######             ]  35 %" for a share of 0.35.
std::string progress_line(double share);

// How far the loading of a model has come, on standard error if that is a terminal: one line, rewritten when
// a further percent is done and taken away at the end.
class ProgressBar {
 public:
  ProgressBar();
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void show(double share);

 private:
  const bool on_terminal_;
  std::string shown_;
};

}  // namespace sluice::worker
