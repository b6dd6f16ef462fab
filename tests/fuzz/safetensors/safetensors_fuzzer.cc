#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "backends/worker/model/load_error.h"
#include "backends/worker/model/safetensors.h"

using sluice::worker::LoadError;
using sluice::worker::Safetensors;

namespace {

// A file that is nowhere on a disk.
class MemoryFile {
 public:
  MemoryFile(const std::uint8_t* bytes, std::size_t size)
      : descriptor_(memfd_create("safetensors", MFD_CLOEXEC)) {
    if (descriptor_ < 0 || write(descriptor_, bytes, size) != static_cast<ssize_t>(size)) std::abort();
  }
  ~MemoryFile() { close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  std::filesystem::path path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

}  // namespace

// Any bytes as a file of weights: it is refused with the file's name, or every tensor in it can be read and
// together they are the file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const MemoryFile file(bytes, size);
  try {
    const Safetensors weights(file.path());
    std::uint64_t data = 0;
    for (const auto& [name, tensor] : weights.tensors()) {
      if (weights.read(tensor).size() != tensor.elements) std::abort();
      data += tensor.elements * (tensor.dtype == sluice::worker::DType::kF32 ? 4 : 2);
    }
    std::uint64_t header = 0;
    for (int i = 7; i >= 0; --i)
      header = header << 8 | bytes[i];
    if (8 + header + data != size) std::abort();
  } catch (const LoadError& refusal) {
    if (!std::string(refusal.what()).contains(file.path().string())) std::abort();
  }
  return 0;
}
