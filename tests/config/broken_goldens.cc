#include "tests/config/broken_goldens.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>

namespace sluice::config::goldens {

std::vector<Broken> broken_files(const std::filesystem::path& folder) {
  std::vector<Broken> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::filesystem::path expected = entry.path();
    if (entry.path().extension() == ".yaml")
      files.push_back({entry.path(), expected.replace_extension(".expected")});
  }
  std::ranges::sort(files, {}, &Broken::file);
  return files;
}

LoadResult load(const std::filesystem::path& file) {
  const std::string text = content_of(file);
  // The certificates that the files name stand in the source tree, and the day is always the same.
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(SLUICE_SOURCE_DIR);
  LoadResult result =
      load_text(text, file.filename().string(), std::chrono::sys_days(std::chrono::year(2026) / 1 / 1));
  std::filesystem::current_path(before);
  return result;
}

std::string printed(const LoadResult& result) {
  std::string text;
  for (const Diagnostic& diagnostic : result.diagnostics)
    text += diagnostic.to_string() + "\n";
  return text;
}

std::string content_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace sluice::config::goldens
