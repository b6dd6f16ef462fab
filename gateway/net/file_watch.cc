#include "gateway/net/file_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

namespace asio = boost::asio;

namespace sluice {
namespace {

// IN_CREATE is for a symbolic link or a hard link put in the file's place: neither is ever written.
constexpr std::uint32_t kEvents = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE;
// What a mounted ConfigMap's files are links through.
constexpr std::string_view kKubernetesLink = "..data";

}  // namespace

struct FileWatch::Reactor {
  Reactor(asio::io_context& io, int fd, FileWatch& w) : descriptor(io, fd), watch(&w) {}
  asio::posix::stream_descriptor descriptor;
  FileWatch* watch;  // null once destroyed
};

Result<std::unique_ptr<FileWatch>> FileWatch::open(Loop& loop, const std::vector<std::string>& paths,
                                                   OnChange on_change) {
  const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0) return fail(ErrorKind::kConfig, std::string("cannot watch files: ") + std::strerror(errno));
  Names names;
  for (const std::string& path : paths) {
    const std::filesystem::path file(path);
    const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : ".";
    // The same descriptor again for a directory that is watched already.
    const int directory = ::inotify_add_watch(fd, folder.c_str(), kEvents | IN_ONLYDIR);
    if (directory < 0) {
      const int reason = errno;
      ::close(fd);
      return fail(ErrorKind::kConfig, "cannot watch " + folder.string() + ": " + std::strerror(reason));
    }
    names[directory].insert(file.filename().string());
  }
  return std::unique_ptr<FileWatch>(new FileWatch(loop, fd, std::move(names), std::move(on_change)));
}

FileWatch::FileWatch(Loop& loop, int fd, Names names, OnChange on_change)
    : loop_(loop),
      names_(std::move(names)),
      on_change_(std::move(on_change)),
      reactor_(std::make_shared<Reactor>(loop.io(), fd, *this)),
      settle_(&settled, this) {
  wait();
}

FileWatch::~FileWatch() {
  reactor_->watch = nullptr;
  boost::system::error_code ignored;
  reactor_->descriptor.close(ignored);
}

void FileWatch::wait() {
  reactor_->descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                                  [r = reactor_](const boost::system::error_code& ec) {
                                    if (!ec && r->watch != nullptr) r->watch->drain();
                                  });
}

void FileWatch::drain() {
  alignas(inotify_event) char buffer[4096];
  for (;;) {
    const ssize_t n = ::read(reactor_->descriptor.native_handle(), buffer, sizeof buffer);
    if (n <= 0) break;
    for (ssize_t at = 0; at < n;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
      const std::string_view name = event->len == 0 ? std::string_view() : std::string_view(event->name);
      // After an overflow nobody knows whether one of the files was among what is lost.
      if ((event->mask & IN_Q_OVERFLOW) != 0 || concerns_us(event->wd, name)) note_change();
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
    }
  }
  wait();
}

bool FileWatch::concerns_us(int directory, std::string_view name) const {
  const auto watched = names_.find(directory);
  return watched != names_.end() && (name == kKubernetesLink || watched->second.contains(name));
}

void FileWatch::note_change() {
  const TimePoint now = loop_.now();
  if (!settle_.armed()) latest_ = now + kMaxDelay;
  loop_.arm(settle_, std::min(now + kSettleTime, latest_));
}

void FileWatch::settled(void* self) {
  static_cast<FileWatch*>(self)->on_change_();
}

}  // namespace sluice
