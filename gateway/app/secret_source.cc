#include "gateway/app/secret_source.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

namespace sluice {
namespace {

// The bytes, one more than allowed at most. errno says why there are none.
bool read_file(const std::string& path, std::string& out) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  // Reserved at once: a growing string would leave copies of the secret behind.
  out.reserve(kMaxSecretBytes + 1);
  out.resize(kMaxSecretBytes + 1);
  std::size_t size = 0;
  ssize_t got = 0;
  while (size < out.size() && (got = ::read(fd, out.data() + size, out.size() - size)) > 0)
    size += static_cast<std::size_t>(got);
  const int reason = errno;
  ::close(fd);
  errno = reason;
  out.resize(size);
  return got >= 0;
}

}  // namespace

Result<Secret> read_secret(const config::SecretSource& source) {
  std::string bytes;
  std::string name;
  if (source.file) {
    name = "the secret's file " + *source.file;
    if (!read_file(*source.file, bytes))
      return fail(ErrorKind::kConfig, "cannot read " + name + ": " + std::strerror(errno));
  } else {
    name = "the secret's environment variable " + source.env.value_or("");
    const char* value = std::getenv(source.env.value_or("").c_str());
    if (value == nullptr) return fail(ErrorKind::kConfig, name + " is not set");
    bytes = value;
  }
  if (bytes.ends_with('\n')) bytes.pop_back();
  if (bytes.ends_with('\r')) bytes.pop_back();
  Secret secret(std::move(bytes));
  wipe(bytes);
  if (secret.reveal().empty()) return fail(ErrorKind::kConfig, name + " is empty");
  if (secret.reveal().size() > kMaxSecretBytes)
    return fail(ErrorKind::kConfig, name + " holds more than " + std::to_string(kMaxSecretBytes) + " bytes");
  return secret;
}

}  // namespace sluice
