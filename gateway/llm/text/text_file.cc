#include "gateway/llm/text/text_file.h"

#include <fstream>
#include <system_error>

namespace sluice::text {

Result<std::string> read_text_file(const std::filesystem::path& path, std::size_t limit) {
  std::error_code error;
  const bool regular = std::filesystem::is_regular_file(path, error);
  if (!regular) return fail(ErrorKind::kConfig, path.string() + ": not a readable file");
  std::ifstream file(path, std::ios::binary);
  std::string text;
  std::string block(64 * 1024, '\0');
  while (file && text.size() <= limit) {
    file.read(block.data(), static_cast<std::streamsize>(block.size()));
    text.append(block, 0, static_cast<std::size_t>(file.gcount()));
  }
  if (text.size() > limit) {
    return fail(ErrorKind::kConfig, path.string() + ": larger than " + std::to_string(limit) + " bytes");
  }
  if (!file.eof()) return fail(ErrorKind::kConfig, path.string() + ": cannot be read");
  return text;
}

}  // namespace sluice::text
