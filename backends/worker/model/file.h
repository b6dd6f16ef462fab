#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

namespace sluice::worker {

// A regular file opened for reading at offsets. Moves; closes itself.
class File {
 public:
  // Throws LoadError if `path` cannot be opened or is no regular file.
  explicit File(std::filesystem::path path);
  File(File&& other) noexcept;
  File& operator=(File&&) = delete;
  ~File();

  // Reads exactly `count` bytes at `offset`; throws LoadError if the file ends before.
  void read_at(std::uint64_t offset, void* destination, std::size_t count) const;

  std::uint64_t size() const noexcept { return size_; }
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

// The whole of a file; throws LoadError if it is larger than `limit` bytes.
std::string read_file(const std::filesystem::path& path, std::size_t limit);

}  // namespace sluice::worker
