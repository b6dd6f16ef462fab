#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "perf/load/loop.h"
#include "perf/load/streams.h"

namespace sluice::load {

// Opens streams through a proxy, and beside them on the direct path, and prints what they saw as lines of
// JSON:
// {"proxy":{..},"direct":{..}}. Without `hold` one line, when all have ended. With it one when all are open,
// and one for every line that comes on the standard input, of the time since the line before; the end of the
// input ends the run.
class StreamRun final : Loop::Watcher, Loop::Timer {
 public:
  struct Options {
    Streams::Options proxy;
    std::optional<Streams::Options> direct;
    unsigned open_per_second = 2000;
    bool hold = false;
    Nanos patience = 0;  // without a stream that opens or ends for so long, the run ends with what it has
  };

  StreamRun(Loop& loop, Options options);
  ~StreamRun();

  // Whether every stream that was asked for was held, or came to its end.
  bool good() const;

 private:
  void ready(std::uint32_t events) override;
  void due() override;
  void report();
  std::size_t progress() const;

  Loop& loop_;
  Options options_;
  Streams proxy_;
  std::unique_ptr<Streams> direct_;
  bool opened_ = false;
  std::size_t last_progress_ = 0;
  Nanos last_change_ = 0;
};

}  // namespace sluice::load
