#include "gateway/app/log_sink.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/gateway/app/log_files.h"

namespace sluice {
namespace {

using ::testing::HasSubstr;

std::unique_ptr<LogSink> open_file(const std::string& path) {
  auto sink = LogSink::open({.target = {LogTarget::Kind::kFile, path}});
  if (!sink) throw std::runtime_error(sink.error().detail());
  return *std::move(sink);
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);)
    lines.push_back(line);
  return lines;
}

// A FIFO that takes 4096 bytes until someone reads it.
class Fifo {
 public:
  explicit Fifo(const std::string& path) {
    if (::mkfifo(path.c_str(), 0600) != 0) throw std::runtime_error("mkfifo");
    fd_ = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (::fcntl(fd_, F_SETPIPE_SZ, 4096) != 4096) throw std::runtime_error("F_SETPIPE_SZ");
    ::fcntl(fd_, F_SETFL, 0);  // from here on reads wait
  }
  ~Fifo() { close(); }
  Fifo(const Fifo&) = delete;
  Fifo& operator=(const Fifo&) = delete;

  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

  // Reads until it has seen so many line ends, or the writer closed.
  std::string read_lines(std::size_t count) {
    std::string text;
    char block[4096];
    for (std::size_t ends = 0; ends < count;) {
      const ssize_t n = ::read(fd_, block, sizeof block);
      if (n <= 0) break;
      ends += static_cast<std::size_t>(std::count(block, block + n, '\n'));
      text.append(block, static_cast<std::size_t>(n));
    }
    return text;
  }

 private:
  int fd_ = -1;
};

TEST(LogTarget, IsAStreamOrAFileOrOff) {
  EXPECT_EQ(LogTarget::parse("off"), (LogTarget{LogTarget::Kind::kOff}));
  EXPECT_EQ(LogTarget::parse("stdout"), (LogTarget{LogTarget::Kind::kStdout}));
  EXPECT_EQ(LogTarget::parse("stderr"), (LogTarget{LogTarget::Kind::kStderr}));
  EXPECT_EQ(LogTarget::parse("./stdout"), (LogTarget{LogTarget::Kind::kFile, "./stdout"}));
}

TEST(LogSink, CreatesTheFoldersAndWritesWhatIsQueuedWhenItEnds) {
  TempDir dir;
  auto sink = open_file(dir.file("a/b/access.log"));
  sink->write("one");
  sink->write_batch("two\nthree", 2);
  sink.reset();
  EXPECT_EQ(read_file(dir.file("a/b/access.log")), "one\ntwo\nthree\n");
}

TEST(LogSink, AppendsToWhatIsThere) {
  TempDir dir;
  open_file(dir.file("log"))->write("first run");
  open_file(dir.file("log"))->write("second run");
  EXPECT_EQ(read_file(dir.file("log")), "first run\nsecond run\n");
}

TEST(LogSink, KeepsAFileFromOtherUsers) {
  TempDir dir;
  open_file(dir.file("log"));
  struct stat status = {};
  ASSERT_EQ(::stat(dir.file("log").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0007, 0u);
}

TEST(LogSink, SaysWhyAFileCannotBeOpened) {
  TempDir dir;
  const auto sink = LogSink::open({.target = {LogTarget::Kind::kFile, dir.file("")}});
  ASSERT_FALSE(sink);
  EXPECT_EQ(sink.error().kind, ErrorKind::kConfig);
  EXPECT_THAT(sink.error().detail(), HasSubstr("Is a directory"));
}

TEST(LogSink, DoesNotWaitForSomeoneToReadAFifo) {
  TempDir dir;
  ASSERT_EQ(::mkfifo(dir.file("fifo").c_str(), 0600), 0);
  EXPECT_FALSE(LogSink::open({.target = {LogTarget::Kind::kFile, dir.file("fifo")}}));
}

TEST(LogSink, WritesNothingAndCountsNothingWhenOff) {
  auto sink = LogSink::open({.target = {LogTarget::Kind::kOff}});
  ASSERT_TRUE(sink);
  (*sink)->write("nowhere");
  (*sink)->reopen();
  EXPECT_EQ((*sink)->counts().written + (*sink)->counts().dropped, 0u);
}

TEST(LogSink, WritesToStandardOutput) {
  ::testing::internal::CaptureStdout();
  {
    auto sink = LogSink::open({.target = {LogTarget::Kind::kStdout}});
    (*sink)->write("to the stream");
  }
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "to the stream\n");
}

TEST(LogSink, GoesOnInANewFileAfterARenameAndAReopen) {
  TempDir dir;
  auto sink = open_file(dir.file("log"));
  sink->write("before");
  std::filesystem::rename(dir.file("log"), dir.file("log.1"));
  sink->write("still the old file");
  sink->reopen();
  sink->write("after");
  sink.reset();
  EXPECT_EQ(read_file(dir.file("log.1")), "before\nstill the old file\n");
  EXPECT_EQ(read_file(dir.file("log")), "after\n");
}

TEST(LogSink, KeepsTheOldFileWhenTheNewOneCannotBeOpened) {
  TempDir dir;
  auto sink = open_file(dir.file("log"));
  std::filesystem::rename(dir.file("log"), dir.file("log.1"));
  std::filesystem::create_directory(dir.file("log"));
  sink->reopen();
  sink->write("after");
  while (sink->counts().written < 1)
    std::this_thread::yield();
  EXPECT_EQ(sink->counts().reopen_failures, 1u);
  EXPECT_EQ(read_file(dir.file("log.1")), "after\n");
}

TEST(LogSink, WritesLinesOfFourThreadsWholeAndInEachThreadsOrder) {
  constexpr int kThreads = 4;
  constexpr int kLines = 2000;
  TempDir dir;
  auto sink = open_file(dir.file("log"));
  {
    std::vector<std::jthread> writers;
    for (int thread = 0; thread < kThreads; ++thread) {
      writers.emplace_back([&sink = *sink, thread] {
        for (int line = 0; line < kLines; ++line) {
          const std::string filler(static_cast<std::size_t>(line % 700), static_cast<char>('a' + thread));
          sink.write(std::to_string(thread) + " " + std::to_string(line) + " " + filler + " end");
        }
      });
    }
  }
  const std::uint64_t dropped = sink->counts().dropped;
  sink.reset();

  const std::vector<std::string> lines = split(read_file(dir.file("log")));
  EXPECT_EQ(lines.size() + dropped, static_cast<std::size_t>(kThreads * kLines));
  std::map<int, int> last;
  for (const std::string& line : lines) {
    int thread = -1;
    int number = -1;
    std::istringstream(line) >> thread >> number;
    const std::string filler(static_cast<std::size_t>(number % 700), static_cast<char>('a' + thread));
    ASSERT_EQ(line, std::to_string(thread) + " " + std::to_string(number) + " " + filler + " end");
    EXPECT_GT(number, last.contains(thread) ? last[thread] : -1);
    last[thread] = number;
  }
}

TEST(LogSink, RefusesTheNewestLinesWhenNobodyReadsAndWritesTheOthersOnceSomeoneDoes) {
  TempDir dir;
  Fifo fifo(dir.file("fifo"));
  auto sink = *LogSink::open({.target = {LogTarget::Kind::kFile, dir.file("fifo")}, .max_queued_lines = 50});
  const std::string filler(1000, 'x');
  for (int i = 0; i < 200; ++i)
    sink->write(std::to_string(i) + filler);

  // Four lines fit into the FIFO, fifty wait.
  const std::uint64_t dropped = sink->counts().dropped;
  EXPECT_GE(dropped, 200u - 54u);
  EXPECT_LE(dropped, 200u - 50u);
  const std::vector<std::string> lines = split(fifo.read_lines(200 - dropped));
  ASSERT_EQ(lines.size(), 200 - dropped);
  int last = -1;
  for (const std::string& line : lines) {
    const int number = std::stoi(line);
    EXPECT_EQ(line, std::to_string(number) + filler);
    EXPECT_GT(number, last);
    last = number;
  }
  EXPECT_EQ(lines.front(), "0" + filler);
}

TEST(LogSink, RefusesLinesBeyondTheLimitOfBytes) {
  TempDir dir;
  Fifo fifo(dir.file("fifo"));
  auto sink =
      *LogSink::open({.target = {LogTarget::Kind::kFile, dir.file("fifo")}, .max_queued_bytes = 20'000});
  sink->write(std::string(20'001, 'x'));
  EXPECT_EQ(sink->counts().dropped, 1u);
  sink->write(std::string(20'000, 'x'));  // the FIFO takes 4096 of it, so all of it stays queued
  sink->write("y");
  EXPECT_EQ(sink->counts().dropped, 2u);
  EXPECT_EQ(fifo.read_lines(1), std::string(20'000, 'x') + "\n");
}

TEST(LogSink, EndsWithoutItsLinesWhenTheTargetIsStuck) {
  TempDir dir;
  Fifo fifo(dir.file("fifo"));
  auto sink = *LogSink::open(
      {.target = {LogTarget::Kind::kFile, dir.file("fifo")}, .drain_wait = std::chrono::milliseconds(0)});
  for (int i = 0; i < 2000; ++i)
    sink->write(std::string(100, 'x'));
  sink.reset();
  const std::vector<std::string> lines = split(fifo.read_lines(2000));
  EXPECT_GT(lines.size(), 0u);
  EXPECT_LE(lines.size(), 41u);
  for (const std::string& line : lines)
    EXPECT_EQ(line, std::string(100, 'x'));
}

TEST(LogSink, SurvivesAReaderThatLeaves) {
  TempDir dir;
  Metrics metrics;
  Fifo fifo(dir.file("fifo"));
  auto sink = *LogSink::open({.target = {LogTarget::Kind::kFile, dir.file("fifo")}});
  fifo.close();
  sink->write("nobody");
  sink->write_batch("nobody\nnobody", 2);
  while (sink->counts().failed < 3)
    std::this_thread::yield();
  sink->sample(metrics, "access");
  EXPECT_EQ(metrics.counter("sluice_log_lines_total", "", {{"log", "access"}, {"result", "failed"}}).value(),
            3u);
  EXPECT_EQ(metrics.counter("sluice_log_lines_total", "", {{"log", "access"}, {"result", "written"}}).value(),
            0u);
}

// A limit on the size of files stands for a full disk: the write is cut short, then refused.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FullDisk() { ::setrlimit(RLIMIT_FSIZE, &before_); }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  rlimit before_{};
};

TEST(LogSink, TakesBackALineThatAFullDiskCutsAndGoesOnWhenThereIsRoom) {
  TempDir dir;
  auto sink = open_file(dir.file("log"));
  {
    const FullDisk disk(25);
    sink->write_batch("ten bytes\nten bytes\nten bytes", 3);
    while (sink->counts().written + sink->counts().failed < 3)
      std::this_thread::yield();
  }
  EXPECT_EQ(sink->counts().written, 2u);
  EXPECT_EQ(sink->counts().failed, 1u);
  sink->write("room again");
  sink.reset();
  EXPECT_EQ(read_file(dir.file("log")), "ten bytes\nten bytes\nroom again\n");
}

}  // namespace
}  // namespace sluice
