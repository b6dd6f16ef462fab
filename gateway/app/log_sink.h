#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "gateway/base/line_sink.h"
#include "gateway/base/metrics.h"
#include "gateway/base/result.h"

namespace sluice {

struct LogTarget {
  enum class Kind : std::uint8_t { kOff, kStdout, kStderr, kFile };

  Kind kind = Kind::kOff;
  std::string path = {};  // kFile only

  // `stdout`, `stderr`, `off`, or the path of a file.
  static LogTarget parse(std::string_view text);
  bool operator==(const LogTarget&) const = default;
};

struct LogSinkOptions {
  LogTarget target = {};
  std::size_t max_queued_lines = 8192;
  std::size_t max_queued_bytes = std::size_t{16} << 20;
  // How long the destructor lets a target that takes no bytes hold it up before it drops the rest.
  std::chrono::milliseconds drain_wait{1000};
};

// Writes lines to a file or a standard stream from a thread of its own, so that no loop waits for a disk or a
// pipe. One line is one record: never interleaved with another, and when a full disk tears one in the middle
// the torn part is taken back (or ended, where the target is no regular file). Files are opened for appending
// with mode 0640, their directories are created.
//
// Overflow: when the queue is full the newest lines are refused and counted. What was logged before a stall
// is then complete, and the caller pays three additions to learn it; dropping the oldest instead would make a
// busy gateway copy lines into a queue only to throw out others. A target that fails (full disk, closed pipe)
// loses the lines it refused, which are counted, and is tried again with the next.
//
// Threads: any. A write takes the queue's lock and wakes the writer if it sleeps: 0.4 µs in a burst, 15 µs
// (median) when the writer sleeps between lines. A shard therefore puts a ShardLogBuffer in front. Nobody may
// call it while it is destroyed. The destructor writes what is queued and waits for that, but no longer than
// drain_wait for a target that takes no bytes.
class LogSink final : public BatchSink {
 public:
  // Errors: kConfig when the file cannot be opened.
  static Result<std::unique_ptr<LogSink>> open(LogSinkOptions options);
  ~LogSink() override;

  void write(std::string_view line) noexcept override { write_batch(line, 1); }
  // Refused or accepted as one.
  void write_batch(std::string_view lines, std::size_t count) noexcept override;

  // Opens the file anew, after every line that was written before this call: for log rotation by renaming.
  // When that fails the old file stays in use. Does nothing for other targets.
  void reopen() noexcept;

  // In lines. Each line that was handed over ends up in one of the three.
  struct Counts {
    std::uint64_t written = 0;
    std::uint64_t dropped = 0;  // the queue was full, or the target was stuck at the end
    std::uint64_t failed = 0;   // the target refused it
    std::uint64_t reopen_failures = 0;
  };
  Counts counts() const noexcept;

  // Brings sluice_log_lines_total{log,result} and sluice_log_reopen_failures_total{log} up to date. For the
  // thread that scrapes, with a Metrics of its own.
  void sample(Metrics& metrics, std::string_view log) const;

 private:
  struct Shared;
  class Writer;
  struct Async;

  LogSink();

  std::unique_ptr<Shared> shared_;
  std::unique_ptr<Async> async_;  // empty for kOff
};

}  // namespace sluice
