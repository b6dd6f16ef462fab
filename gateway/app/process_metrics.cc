#include "gateway/app/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>

namespace sluice {
namespace {

// Fields of /proc/self/stat, numbered from 1 as in proc(5).
struct Stat {
  double threads;         // 20
  double start_ticks;     // 22, since boot
  double resident_pages;  // 24
};

std::optional<Stat> read_stat() {
  std::ifstream file("/proc/self/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  // Field 2 is the program's name in parentheses and may hold anything, a ')' too.
  const std::size_t end_of_name = text.rfind(')');
  if (end_of_name == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(end_of_name + 1));
  std::string field;
  Stat stat{};
  for (int number = 3; number <= 24 && fields >> field; ++number) {
    if (number == 20) stat.threads = std::stod(field);
    if (number == 22) stat.start_ticks = std::stod(field);
    if (number == 24) stat.resident_pages = std::stod(field);
  }
  return fields ? std::optional(stat) : std::nullopt;
}

// Seconds since the epoch at which the machine booted.
std::optional<double> read_boot_time() {
  std::ifstream file("/proc/stat");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("btime ")) return std::stod(line.substr(6));
  }
  return std::nullopt;
}

std::optional<double> count_open_fds() {
  std::error_code error;
  const std::filesystem::directory_iterator entries("/proc/self/fd", error);
  if (error) return std::nullopt;
  // Less the one that reads the directory.
  return static_cast<double>(std::distance(begin(entries), end(entries)) - 1);
}

}  // namespace

void sample_process(Metrics& metrics, std::string_view version) {
  metrics
      .gauge("sluice_build_info", "Always 1; the version is in the label.",
             {{"version", std::string(version)}})
      .set(1);
  if (const auto stat = read_stat()) {
    metrics.gauge("process_resident_memory_bytes", "Memory that is in RAM.")
        .set(stat->resident_pages * static_cast<double>(::sysconf(_SC_PAGESIZE)));
    metrics.gauge("process_threads", "Threads of the process.").set(stat->threads);
    if (const auto boot = read_boot_time()) {
      metrics.gauge("process_start_time_seconds", "When the process started, in seconds since the epoch.")
          .set(*boot + stat->start_ticks / static_cast<double>(::sysconf(_SC_CLK_TCK)));
    }
  }
  if (const auto fds = count_open_fds()) {
    metrics.gauge("process_open_fds", "Open file descriptors.").set(*fds);
  }
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    metrics.gauge("process_max_fds", "How many file descriptors may be open.")
        .set(static_cast<double>(limit.rlim_cur));
  }
}

}  // namespace sluice
