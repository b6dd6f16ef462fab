#include "tests/config/broken_goldens.h"

#include <algorithm>
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
  return load_text(content_of(file), file.filename().string());
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
