#include "gateway/base/pem_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace sluice {

Result<std::string> read_pem_file(const std::string& path) {
  // Non-blocking: a pipe that nobody writes to must not hold up a reload.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return fail(ErrorKind::kConfig, std::string("cannot be opened: ") + std::strerror(errno));
  // At once: a growing string would leave copies of a key behind.
  std::string text(kMaxPemBytes + 1, '\0');
  std::size_t size = 0;
  ssize_t got = 0;
  while (size < text.size() && (got = ::read(fd, text.data() + size, text.size() - size)) > 0)
    size += static_cast<std::size_t>(got);
  const int reason = errno;
  ::close(fd);
  if (got < 0) return fail(ErrorKind::kConfig, std::string("cannot be read: ") + std::strerror(reason));
  if (size > kMaxPemBytes) return fail(ErrorKind::kConfig, "is larger than 1MiB, the limit of a PEM file");
  text.resize(size);
  return text;
}

}  // namespace sluice
