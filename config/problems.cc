#include "config/problems.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace sluice::config {
namespace {

// A longer line, mostly a generated file in one line, would bury the message that it is to explain.
constexpr std::size_t kMaxSourceLine = 200;

// `a.b[2].c` → `a.b[2]` → `a.b` → `a` → ``.
std::string_view parent_path(std::string_view path) {
  const std::size_t cut = path.find_last_of(".[");
  return cut == path.npos ? std::string_view() : path.substr(0, cut);
}

bool is_inside(std::string_view path, std::string_view around) {
  if (around.empty()) return true;
  return path.starts_with(around) &&
         (path.size() == around.size() || path[around.size()] == '.' || path[around.size()] == '[');
}

}  // namespace

std::string join_path(std::string_view parent, std::string_view child) {
  if (parent.empty() || child.empty()) return fmt::format("{}{}", parent, child);
  return fmt::format("{}.{}", parent, child);
}

std::string index_path(std::string_view list, std::size_t index) {
  return fmt::format("{}[{}]", list, index);
}

Position Problems::find(std::string_view path) const {
  for (;; path = parent_path(path)) {
    if (const auto it = places_.find(path); it != places_.end()) return it->second;
    if (path.empty()) return {};
  }
}

void Problems::error_at(Position position, const std::string& path, std::string message) {
  any_error_ = true;
  add(Diagnostic::Severity::kError, position, path, std::move(message));
}

void Problems::misread(Position position, const std::string& path, std::string message) {
  failed_.insert(path);
  error_at(position, path, std::move(message));
}

void Problems::warning(const std::string& path, std::string message) {
  add(Diagnostic::Severity::kWarning, find(path), path, std::move(message));
}

void Problems::add(Diagnostic::Severity severity, Position position, const std::string& path,
                   std::string message) {
  if (is_full()) {
    ++not_shown_;
    return;
  }
  const std::string_view line = source_.line(position.line);
  position.column = source_.character_column(position);
  const auto place = [](const Diagnostic& d) { return Position{d.line, d.column}; };
  const auto behind = std::ranges::upper_bound(diagnostics_, position, {}, place);
  diagnostics_.insert(
      behind, {.severity = severity,
               .file = file_,
               .line = position.line,
               .column = position.column,
               .path = path,
               .message = std::move(message),
               .source_line = std::string(line.size() <= kMaxSourceLine ? line : std::string_view())});
}

bool Problems::failed(const std::string& path) const {
  for (std::string_view around = path;; around = parent_path(around)) {
    if (failed_.contains(around)) return true;
    if (around.empty()) break;
  }
  // Paths inside `a` sort between `a` and the first path that does not start with it, among ones like `a-b`.
  for (auto it = failed_.lower_bound(path); it != failed_.end() && it->starts_with(path); ++it) {
    if (is_inside(*it, path)) return true;
  }
  return false;
}

std::vector<Diagnostic> Problems::take() {
  for (Diagnostic& d : diagnostics_) {
    if (concealed_.contains(d.line)) d.source_line.clear();
  }
  if (not_shown_ > 0) {
    diagnostics_.push_back(
        {.severity = any_error() ? Diagnostic::Severity::kError : Diagnostic::Severity::kWarning,
         .file = file_,
         .message = fmt::format("{} more problems are not shown", not_shown_)});
  }
  return std::exchange(diagnostics_, {});
}

}  // namespace sluice::config
