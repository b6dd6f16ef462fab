#include "gateway/app/process_metrics.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>

namespace sluice {
namespace {

TEST(ProcessMetrics, CountsTheOpenFileDescriptors) {
  Metrics metrics;
  sample_process(metrics, "1.2.3");
  const double before = metrics.gauge("process_open_fds", "").value();
  const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  sample_process(metrics, "1.2.3");
  ::close(fd);
  EXPECT_EQ(metrics.gauge("process_open_fds", "").value(), before + 1);
  EXPECT_GE(metrics.gauge("process_max_fds", "").value(), before);
}

TEST(ProcessMetrics, ReportsMemoryThreadsAndVersion) {
  Metrics metrics;
  sample_process(metrics, "1.2.3");
  EXPECT_GT(metrics.gauge("process_resident_memory_bytes", "").value(), 100'000);
  EXPECT_GE(metrics.gauge("process_threads", "").value(), 1);
  EXPECT_EQ(metrics.gauge("sluice_build_info", "", {{"version", "1.2.3"}}).value(), 1);
}

TEST(ProcessMetrics, ReportsAStartAfterTheMachinesBootAndBeforeAnyFileWrittenNow) {
  Metrics metrics;
  sample_process(metrics, "1.2.3");
  const auto self = std::filesystem::last_write_time("/proc/self/stat");
  const auto now = std::chrono::duration<double>(std::chrono::file_clock::to_sys(self).time_since_epoch());
  const double start = metrics.gauge("process_start_time_seconds", "").value();
  EXPECT_GT(start, 1e9);
  EXPECT_LE(start, now.count() + 2);
}

}  // namespace
}  // namespace sluice
