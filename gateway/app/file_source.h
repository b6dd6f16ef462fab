#pragma once

#include <functional>
#include <memory>
#include <string>

#include "gateway/app/endpoint_source.h"
#include "gateway/net/file_watch.h"
#include "gateway/runtime/loop.h"

namespace sluice {

// The endpoints of a file (config/endpoint_file.h), which is watched. Where its folder cannot be watched it
// is read again as after a failure (kPartial). Threads: its loop's.
class FileSource final : public EndpointSource {
 public:
  // `on_change` is told of a file that was written or replaced; it may not destroy the source.
  FileSource(Loop& loop, std::string path, std::function<void()> on_change);

  Task<Finding> find() override;

 private:
  Loop& loop_;
  const std::string path_;
  const std::function<void()> on_change_;
  std::unique_ptr<FileWatch> watch_;
};

}  // namespace sluice
