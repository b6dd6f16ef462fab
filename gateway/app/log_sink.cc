#include "gateway/app/log_sink.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/sinks/sink.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

namespace sluice {
namespace {

// Slots of spdlog's queue. It has more of them than batches may be queued, so that its own overflow policy
// (which would drop the oldest) never acts: the spare ones are for a reopen and for its end message, whose
// sender would wait for a slot.
constexpr std::size_t kMaxQueuedBatches = 1024;
constexpr std::size_t kSpareSlots = 4;
constexpr std::chrono::milliseconds kPollInterval{20};
// A pipe that polls writable takes this much without blocking, and as one piece (PIPE_BUF, pipe(7)).
constexpr std::size_t kPipeChunk = 4096;

class Fd {
 public:
  explicit Fd(int fd = -1) noexcept : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

Result<Fd> open_target(const LogTarget& target) {
  if (target.kind != LogTarget::Kind::kFile) {
    Fd copy(
        ::fcntl(target.kind == LogTarget::Kind::kStdout ? STDOUT_FILENO : STDERR_FILENO, F_DUPFD_CLOEXEC, 3));
    if (copy.get() < 0) return fail(ErrorKind::kConfig, "cannot log to a standard stream that is closed");
    return copy;
  }
  std::error_code ignored;  // open reports what is wrong
  std::filesystem::create_directories(std::filesystem::path(target.path).parent_path(), ignored);
  // Not blocking, for the path may name a FIFO that nobody reads.
  Fd file(
      ::open(target.path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640));
  if (file.get() < 0) {
    return fail(ErrorKind::kConfig, fmt::format("cannot open the log file {}: {}", target.path,
                                                std::generic_category().message(errno)));
  }
  return file;
}

// The longest first part of `bytes` that a pipe takes as one piece, whole lines if it can be.
std::string_view pipe_piece(std::string_view bytes) {
  if (bytes.size() <= kPipeChunk) return bytes;
  const std::size_t end = bytes.rfind('\n', kPipeChunk - 1);
  return bytes.substr(0, end == std::string_view::npos ? kPipeChunk : end + 1);
}

std::size_t line_ends(std::string_view bytes) {
  std::size_t count = 0;
  for (std::size_t at = bytes.find('\n'); at != std::string_view::npos; at = bytes.find('\n', at + 1))
    ++count;
  return count;
}

}  // namespace

LogTarget LogTarget::parse(std::string_view text) {
  if (text == "off") return {Kind::kOff};
  if (text == "stdout") return {Kind::kStdout};
  if (text == "stderr") return {Kind::kStderr};
  return {Kind::kFile, std::string(text)};
}

// What the writer's thread and the others share. The queued_ numbers count what was accepted and is not
// written yet, including what the thread is writing.
struct LogSink::Shared {
  LogSinkOptions options;
  std::atomic<std::size_t> queued_lines{0};
  std::atomic<std::size_t> queued_bytes{0};
  std::atomic<std::size_t> queued_batches{0};
  std::atomic<bool> reopening{false};
  std::atomic<bool> stopping{false};
  std::atomic<std::uint64_t> written{0};
  std::atomic<std::uint64_t> dropped{0};
  std::atomic<std::uint64_t> failed{0};
  std::atomic<std::uint64_t> reopen_failures{0};

  void release(std::size_t lines, std::size_t bytes) noexcept {
    queued_lines.fetch_sub(lines, std::memory_order_relaxed);
    queued_bytes.fetch_sub(bytes, std::memory_order_relaxed);
    queued_batches.fetch_sub(1, std::memory_order_relaxed);
  }

  bool reserve(std::size_t lines, std::size_t bytes) noexcept {
    const std::size_t l = queued_lines.fetch_add(lines, std::memory_order_relaxed) + lines;
    const std::size_t b = queued_bytes.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    const std::size_t n = queued_batches.fetch_add(1, std::memory_order_relaxed) + 1;
    if (l <= options.max_queued_lines && b <= options.max_queued_bytes && n <= kMaxQueuedBatches) return true;
    release(lines, bytes);
    return false;
  }
};

// The target, as spdlog's thread sees it: one log() at a time, on that thread only.
class LogSink::Writer final : public spdlog::sinks::sink {
 public:
  Writer(Shared& shared, Fd fd) : shared_(shared) { use(std::move(fd)); }

  void log(const spdlog::details::log_msg& message) override {
    const std::string_view lines(message.payload.data(), message.payload.size());
    const Release release{shared_, static_cast<std::size_t>(message.source.line), lines.size()};
    buffer_.assign(torn_ ? "\n" : "").append(lines).append("\n");
    put(torn_ ? 1 : 0, line_ends(lines) + 1);
  }

  // spdlog's flush message carries a reopen: it keeps its place among the lines.
  void flush() override {
    if (!shared_.reopening.exchange(false, std::memory_order_acq_rel)) return;
    if (Result<Fd> fd = open_target(shared_.options.target)) {
      use(*std::move(fd));
    } else {
      shared_.reopen_failures.fetch_add(1, std::memory_order_relaxed);
    }
  }

  void set_pattern(const std::string&) override {}
  void set_formatter(std::unique_ptr<spdlog::formatter>) override {}

 private:
  struct Release {
    Shared& shared;
    std::size_t lines;
    std::size_t bytes;
    ~Release() { shared.release(lines, bytes); }
  };

  void use(Fd fd) {
    fd_ = std::move(fd);
    torn_ = false;
    struct stat status = {};
    regular_ = ::fstat(fd_.get(), &status) == 0 && S_ISREG(status.st_mode);
  }

  // Writes buffer_, which holds `lines` lines after `skip` line ends that belong to no line.
  void put(std::size_t skip, std::size_t lines) {
    std::size_t done = 0;
    bool refused = false;
    while (done < buffer_.size()) {
      if (!regular_ && !wait_writable()) break;
      const std::string_view rest = std::string_view(buffer_).substr(done);
      const std::string_view piece = regular_ ? rest : pipe_piece(rest);
      const ssize_t n = ::write(fd_.get(), piece.data(), piece.size());
      if (n >= 0) {
        done += static_cast<std::size_t>(n);
      } else if (errno != EINTR && errno != EAGAIN) {
        refused = true;
        break;
      }
    }
    const std::size_t ends = line_ends(std::string_view(buffer_).substr(0, done));
    const std::size_t whole = ends - std::min(ends, skip);
    shared_.written.fetch_add(whole, std::memory_order_relaxed);
    (refused ? shared_.failed : shared_.dropped).fetch_add(lines - whole, std::memory_order_relaxed);
    if (done > 0) mend(std::string_view(buffer_).substr(0, done));
  }

  // False when the target takes no bytes and the sink is being destroyed.
  bool wait_writable() {
    while (!gave_up_) {
      pollfd target{fd_.get(), POLLOUT, 0};
      const int ready = ::poll(&target, 1, static_cast<int>(kPollInterval.count()));
      if (ready > 0) return true;
      if (shared_.stopping.load(std::memory_order_acquire)) {
        waited_ += kPollInterval;
        gave_up_ = waited_ >= shared_.options.drain_wait;
      }
    }
    return false;
  }

  // After `put` bytes: takes back the beginning of a line that has no end.
  void mend(std::string_view put) {
    const std::size_t tail = put.size() - (put.rfind('\n') + 1);
    torn_ = tail > 0;
    if (!torn_ || !regular_) return;
    const off_t end = ::lseek(fd_.get(), 0, SEEK_CUR);
    struct stat status = {};
    // Another process may have appended since.
    if (end < 0 || ::fstat(fd_.get(), &status) != 0 || status.st_size != end) return;
    const off_t line = end - static_cast<off_t>(tail);
    torn_ = ::ftruncate(fd_.get(), line) != 0 || ::lseek(fd_.get(), line, SEEK_SET) < 0;
  }

  Shared& shared_;
  Fd fd_;
  bool regular_ = false;
  bool torn_ = false;  // the target ends in the middle of a line
  bool gave_up_ = false;
  std::chrono::milliseconds waited_{0};  // since stopping
  std::string buffer_;
};

struct LogSink::Async {
  std::shared_ptr<spdlog::async_logger> logger;        // shared with its queued messages, so says spdlog
  std::shared_ptr<spdlog::details::thread_pool> pool;  // the logger keeps a weak reference
};

LogSink::LogSink() : shared_(std::make_unique<Shared>()) {}

Result<std::unique_ptr<LogSink>> LogSink::open(LogSinkOptions options) {
  std::unique_ptr<LogSink> sink(new LogSink());
  sink->shared_->options = std::move(options);
  if (sink->shared_->options.target.kind == LogTarget::Kind::kOff) return sink;
  Result<Fd> fd = open_target(sink->shared_->options.target);
  if (!fd) return fail(std::move(fd.error()));

  auto async = std::make_unique<Async>();
  async->pool = std::make_shared<spdlog::details::thread_pool>(kMaxQueuedBatches + kSpareSlots, 1, [] {
    // A closed pipe must be an error of write(), and signals are the control thread's.
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
  });
  async->logger = std::make_shared<spdlog::async_logger>(
      std::string(), std::make_shared<Writer>(*sink->shared_, *std::move(fd)), async->pool,
      spdlog::async_overflow_policy::overrun_oldest);
  async->logger->set_error_handler([shared = sink->shared_.get()](const std::string&) {
    shared->failed.fetch_add(1, std::memory_order_relaxed);
  });
  sink->async_ = std::move(async);
  return sink;
}

LogSink::~LogSink() {
  shared_->stopping.store(true, std::memory_order_release);
  if (async_) async_->pool.reset();  // writes what is queued and joins the thread
}

void LogSink::write_batch(std::string_view lines, std::size_t count) noexcept {
  if (!async_) return;
  if (!shared_->reserve(count, lines.size())) {
    shared_->dropped.fetch_add(count, std::memory_order_relaxed);
    return;
  }
  try {
    // The given time spares spdlog a look at the clock; the line has its own. The source line carries what
    // was reserved to the writer.
    const spdlog::source_loc reserved(nullptr, static_cast<int>(count), nullptr);
    async_->logger->log(spdlog::log_clock::time_point(), reserved, spdlog::level::info, lines);
  } catch (...) {  // no memory
    shared_->release(count, lines.size());
    shared_->dropped.fetch_add(count, std::memory_order_relaxed);
  }
}

void LogSink::reopen() noexcept {
  if (!async_ || shared_->options.target.kind != LogTarget::Kind::kFile) return;
  // One at a time, so that the message finds a spare slot.
  if (shared_->reopening.exchange(true, std::memory_order_acq_rel)) return;
  async_->logger->flush();
}

LogSink::Counts LogSink::counts() const noexcept {
  return {.written = shared_->written.load(std::memory_order_relaxed),
          .dropped = shared_->dropped.load(std::memory_order_relaxed),
          .failed = shared_->failed.load(std::memory_order_relaxed),
          .reopen_failures = shared_->reopen_failures.load(std::memory_order_relaxed)};
}

void LogSink::sample(Metrics& metrics, std::string_view log) const {
  const Counts now = counts();
  const auto lines = [&](const char* result) -> Counter& {
    return metrics.counter("sluice_log_lines_total",
                           "Log lines by what became of them; dropped: no room in the queue, failed: the "
                           "target refused them.",
                           {{"log", std::string(log)}, {"result", result}});
  };
  lines("written").raise_to(now.written);
  lines("dropped").raise_to(now.dropped);
  lines("failed").raise_to(now.failed);
  metrics
      .counter("sluice_log_reopen_failures_total", "Log files that could not be opened anew for rotation.",
               {{"log", std::string(log)}})
      .raise_to(now.reopen_failures);
}

}  // namespace sluice
