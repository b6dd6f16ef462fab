#include "backends/worker/model/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "backends/worker/model/load_error.h"

namespace sluice::worker {

File::File(std::filesystem::path path) : path_(std::move(path)) {
  // O_NONBLOCK: a FIFO in the model directory must be refused below, not waited for.
  descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor_ < 0) throw LoadError(path_.string() + ": " + std::generic_category().message(errno));
  struct stat status{};
  if (::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(descriptor_);
    throw LoadError(path_.string() + ": not a regular file");
  }
  size_ = static_cast<std::uint64_t>(status.st_size);
}

File::File(File&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)), size_(other.size_) {}

File::~File() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void File::read_at(std::uint64_t offset, void* destination, std::size_t count) const {
  auto* at = static_cast<char*>(destination);
  while (count > 0) {
    const ssize_t got = ::pread(descriptor_, at, count, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw LoadError(path_.string() + ": " + std::generic_category().message(errno));
    if (got == 0)
      throw LoadError(path_.string() + ": ends at byte " + std::to_string(offset) + ", too early");
    at += got;
    offset += static_cast<std::uint64_t>(got);
    count -= static_cast<std::size_t>(got);
  }
}

std::string read_file(const std::filesystem::path& path, std::size_t limit) {
  const File file(path);
  if (file.size() > limit)
    throw LoadError(path.string() + ": larger than " + std::to_string(limit) + " bytes");
  std::string text(file.size(), '\0');
  file.read_at(0, text.data(), text.size());
  return text;
}

}  // namespace sluice::worker
