#pragma once

#include <functional>
#include <memory>
#include <string>

#include "gateway/base/result.h"
#include "gateway/runtime/loop.h"

namespace sluice {

// Tells when a file was written, replaced by renaming another over it, or exchanged as Kubernetes exchanges a
// mounted ConfigMap (a rename of the directory's `..data`). It watches the directory, since an inotify watch
// on the file would stay with the replaced one.
//
// A burst of changes is told once, kSettleTime after its last one, and no later than kMaxDelay after its
// first: an editor's three system calls are one change, and a file that is written without pause is not
// ignored for ever.
//
// Threads: its loop's only; the loop outlives it.
class FileWatch {
 public:
  using OnChange = std::function<void()>;

  static constexpr Duration kSettleTime = std::chrono::milliseconds(100);
  static constexpr Duration kMaxDelay = std::chrono::seconds(1);

  // kConfig when the directory cannot be watched. `on_change` may not destroy the watch.
  static Result<std::unique_ptr<FileWatch>> open(Loop& loop, const std::string& path, OnChange on_change);
  ~FileWatch();
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;

 private:
  struct Reactor;

  FileWatch(Loop& loop, int fd, std::string name, OnChange on_change);

  void wait();
  void drain();
  void note_change();
  static void settled(void* self);

  Loop& loop_;
  std::string name_;  // of the file in its directory
  OnChange on_change_;
  // Shared with the reactor's callback, which may still be queued when the watch is destroyed.
  std::shared_ptr<Reactor> reactor_;
  Timer settle_;
  TimePoint latest_{};  // of the burst under way; meaningful while settle_ is armed
};

}  // namespace sluice
