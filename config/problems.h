#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostic.h"
#include "config/source_text.h"

namespace sluice::config {

inline constexpr std::size_t kMaxDiagnostics = 100;

// Collects what is wrong with one file while it is read and checked. It also remembers where each value
// stands, so that checks on the typed structs can point into the file by the path of a value
// (`routes[0].timeouts.connect`), and which values could not be read, so that no check builds on them.
class Problems {
 public:
  Problems(const SourceText& source, std::string file) : source_(source), file_(std::move(file)) {}

  // The value at `path` stands at `position`.
  void place(const std::string& path, Position position) { places_.emplace(path, position); }
  bool is_placed(const std::string& path) const { return places_.contains(path); }

  // Where the value stands, or the nearest one around it that stands in the file.
  Position find(std::string_view path) const;

  // An error in what values mean together, or in something that belongs to no value.
  void error(const std::string& path, std::string message) { error_at(find(path), path, std::move(message)); }
  void error_at(Position position, const std::string& path, std::string message);
  void warning(const std::string& path, std::string message);

  // An error that leaves no usable value at `path`.
  void misread(Position position, const std::string& path, std::string message);
  // The same where another diagnostic has already said why.
  void mark_failed(const std::string& path) { failed_.insert(path); }

  // True if the value, a part of it or a value around it could not be read.
  bool failed(const std::string& path) const;
  bool any_error() const { return any_error_; }

  // Further diagnostics will only be counted, so a message that is costly to make need not be made.
  bool is_full() const { return diagnostics_.size() >= kMaxDiagnostics; }

  // No diagnostic, also none made before, shows this line.
  void conceal_line(int line) { concealed_.insert(line); }

  // Everything found, by position.
  std::vector<Diagnostic> take();

 private:
  void add(Diagnostic::Severity severity, Position position, const std::string& path, std::string message);

  const SourceText& source_;
  std::string file_;
  std::map<std::string, Position, std::less<>> places_;
  std::set<std::string, std::less<>> failed_;
  std::vector<Diagnostic> diagnostics_;
  std::set<int> concealed_;
  std::size_t not_shown_ = 0;
  bool any_error_ = false;
};

// `a.b` and `c` joined as a path; either may be empty.
std::string join_path(std::string_view parent, std::string_view child);
std::string index_path(std::string_view list, std::size_t index);

}  // namespace sluice::config
