#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "backends/worker/model/file.h"

namespace sluice::worker {

enum class DType { kF32, kF16, kBf16 };

// Where one tensor lies in its file.
struct TensorEntry {
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;
  std::uint64_t offset = 0;  // from the start of the file
  std::uint64_t elements = 0;
};

std::string shape_text(const std::vector<std::int64_t>& shape);  // "[2, 3]"

// One `.safetensors` file: eight bytes of header length, a JSON header, the tensors' bytes.
//
// The constructor checks all that the header claims against the file before anything is read from it:
// lengths, types, shapes, and that the tensors fill the file without a gap or an overlap. Throws LoadError
// naming the file and the tensor.
//
// Tensors are read, not mapped: they are converted to the device's type anyway, so a mapping would save no
// copy, and a file that another process truncates while it loads is an error here where it would be a SIGBUS
// there.
class Safetensors {
 public:
  explicit Safetensors(const std::filesystem::path& path);

  const std::map<std::string, TensorEntry>& tensors() const noexcept { return tensors_; }
  const std::filesystem::path& path() const noexcept { return file_.path(); }

  // The values of a tensor of this file as f32. Throws LoadError if the file has shrunk since it was opened.
  std::vector<float> read(const TensorEntry& tensor) const;
  // As many of them as `values` has room for, from the tensor's value `first` on.
  void read(const TensorEntry& tensor, std::uint64_t first, std::span<float> values) const;

 private:
  File file_;
  std::map<std::string, TensorEntry> tensors_;
};

}  // namespace sluice::worker
