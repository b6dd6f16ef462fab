#include "gateway/app/file_source.h"

#include <utility>

#include "config/endpoint_file.h"

namespace sluice {

FileSource::FileSource(Loop& loop, std::string path, std::function<void()> on_change)
    : loop_(loop), path_(std::move(path)), on_change_(std::move(on_change)) {}

Task<Finding> FileSource::find() {
  Finding finding;
  // Before the file is read, so that no change falls in between.
  if (watch_ == nullptr) {
    if (auto watch = FileWatch::open(loop_, {path_}, on_change_)) {
      watch_ = std::move(*watch);
    } else {
      finding.outcome = DiscoveryOutcome::kPartial;
      finding.problem = watch.error().detail();
    }
  }
  config::EndpointFile file = config::load_endpoint_file(path_);
  if (file.endpoints) {
    finding.endpoints = std::move(*file.endpoints);
    return finding;
  }
  const config::Diagnostic& first = file.diagnostics.front();
  // What concerns the whole file has no place in it: it is missing, unreadable or empty.
  finding.outcome = first.line == 0 ? DiscoveryOutcome::kUnreadable : DiscoveryOutcome::kInvalid;
  const std::string text = first.to_string();
  finding.problem = text.substr(0, text.find('\n'));
  return finding;
}

}  // namespace sluice
