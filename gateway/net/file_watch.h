#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/base/result.h"
#include "gateway/runtime/loop.h"

namespace sluice {

// Tells when one of some files was written, replaced by renaming another over it, or exchanged as Kubernetes
// exchanges a mounted ConfigMap or Secret (a rename of the directory's `..data`). It watches the directories,
// since an inotify watch on a file would stay with the replaced one.
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

  // kConfig when a directory cannot be watched. `on_change` may not destroy the watch.
  static Result<std::unique_ptr<FileWatch>> open(Loop& loop, const std::vector<std::string>& paths,
                                                 OnChange on_change);
  ~FileWatch();
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;

 private:
  struct Reactor;

  // The names of the watched files in each watched directory, by inotify's descriptor of it.
  using Names = std::map<int, std::set<std::string, std::less<>>>;

  FileWatch(Loop& loop, int fd, Names names, OnChange on_change);

  void wait();
  void drain();
  bool concerns_us(int directory, std::string_view name) const;
  void note_change();
  static void settled(void* self);

  Loop& loop_;
  Names names_;
  OnChange on_change_;
  // Shared with the reactor's callback, which may still be queued when the watch is destroyed.
  std::shared_ptr<Reactor> reactor_;
  Timer settle_;
  TimePoint latest_{};  // of the burst under way; meaningful while settle_ is armed
};

}  // namespace sluice
