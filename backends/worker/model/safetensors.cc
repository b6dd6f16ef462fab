#include "backends/worker/model/safetensors.h"

#include <simdjson.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <string_view>

#include "backends/worker/device/bfloat16.h"
#include "backends/worker/model/load_error.h"

namespace sluice::worker {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors stores little-endian values");

using simdjson::dom::element;

constexpr std::uint64_t kLengthBytes = 8;
constexpr std::uint64_t kLongestHeader = 100'000'000;  // the format's own limit
constexpr std::int64_t kLargestDimension = std::int64_t{1} << 32;
constexpr std::uint64_t kMostElements = std::uint64_t{1} << 40;
constexpr std::size_t kReadBlock = std::size_t{1} << 20;  // elements

struct Span {
  std::uint64_t begin;
  std::uint64_t end;
  std::string name;
};

// What is wrong with one tensor; the caller adds the file and the tensor's name.
struct Defect {
  std::string what;
};

std::uint64_t size_of(DType dtype) {
  return dtype == DType::kF32 ? 4 : 2;
}

DType read_dtype(element tensor) {
  std::string_view name;
  if (tensor["dtype"].get(name) != simdjson::SUCCESS) throw Defect{"has no dtype"};
  if (name == "F32") return DType::kF32;
  if (name == "F16") return DType::kF16;
  if (name == "BF16") return DType::kBf16;
  throw Defect{"has dtype " + std::string(name) + "; F32, F16 and BF16 are supported"};
}

void read_shape(element tensor, TensorEntry& entry) {
  simdjson::dom::array shape;
  if (tensor["shape"].get(shape) != simdjson::SUCCESS) throw Defect{"has no shape"};
  entry.elements = 1;
  for (const element dimension : shape) {
    std::int64_t size = 0;
    if (dimension.get(size) != simdjson::SUCCESS || size < 0 || size > kLargestDimension) {
      throw Defect{"has a dimension that is no size"};
    }
    entry.shape.push_back(size);
    const auto factor = static_cast<std::uint64_t>(size);
    if (factor != 0 && entry.elements > kMostElements / factor) throw Defect{"is too large"};
    entry.elements *= factor;
  }
}

Span read_offsets(element tensor, const TensorEntry& entry, std::uint64_t data_size) {
  simdjson::dom::array offsets;
  Span span{};
  if (tensor["data_offsets"].get(offsets) != simdjson::SUCCESS || offsets.size() != 2 ||
      offsets.at(0).get(span.begin) != simdjson::SUCCESS ||
      offsets.at(1).get(span.end) != simdjson::SUCCESS) {
    throw Defect{"has no data_offsets"};
  }
  if (span.begin > span.end || span.end > data_size) {
    throw Defect{"has data_offsets [" + std::to_string(span.begin) + ", " + std::to_string(span.end) +
                 "] outside the file's " + std::to_string(data_size) + " bytes of data"};
  }
  if (span.end - span.begin != entry.elements * size_of(entry.dtype)) {
    throw Defect{"has shape " + shape_text(entry.shape) + " but " + std::to_string(span.end - span.begin) +
                 " bytes"};
  }
  return span;
}

// The format forbids gaps and overlaps: a file that has them was not written by a sane tool.
void check_layout(std::vector<Span> spans, std::uint64_t data_size, const std::string& file) {
  std::sort(spans.begin(), spans.end(), [](const Span& a, const Span& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  });
  std::uint64_t position = 0;
  for (const Span& span : spans) {
    if (span.begin < position) throw LoadError(file + ": tensor " + span.name + " overlaps another tensor");
    if (span.begin > position) throw LoadError(file + ": there is a gap before tensor " + span.name);
    position = span.end;
  }
  if (position != data_size) throw LoadError(file + ": there are bytes behind the last tensor");
}

float from_half(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000U) << 16;
  const std::uint32_t exponent = (half >> 10) & 0x1FU;
  const std::uint32_t mantissa = half & 0x3FFU;
  if (exponent == 0) {  // zero or subnormal: an integer number of 2^-24
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24F;
    return sign != 0 ? -magnitude : magnitude;
  }
  const std::uint32_t widened = exponent == 31 ? 255U : exponent + 112U;
  return std::bit_cast<float>(sign | (widened << 23) | (mantissa << 13));
}

}  // namespace

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (const std::int64_t size : shape)
    text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  return text + "]";
}

Safetensors::Safetensors(const std::filesystem::path& path) : file_(path) {
  const std::string name = path.string();
  if (file_.size() < kLengthBytes) throw LoadError(name + ": too short for a safetensors file");
  std::uint64_t header_size = 0;
  file_.read_at(0, &header_size, kLengthBytes);
  if (header_size > kLongestHeader || header_size > file_.size() - kLengthBytes) {
    throw LoadError(name + ": the header claims " + std::to_string(header_size) + " bytes, the file has " +
                    std::to_string(file_.size()));
  }
  simdjson::padded_string header(header_size);
  file_.read_at(kLengthBytes, header.data(), header_size);
  simdjson::dom::parser parser;
  simdjson::dom::object tensors;
  if (parser.parse(header).get(tensors) != simdjson::SUCCESS)
    throw LoadError(name + ": the header is not JSON");

  const std::uint64_t data_begin = kLengthBytes + header_size;
  const std::uint64_t data_size = file_.size() - data_begin;
  std::vector<Span> spans;
  for (const auto& [key, value] : tensors) {
    if (key == "__metadata__") continue;
    const std::string tensor(key);
    try {
      TensorEntry entry;
      entry.dtype = read_dtype(value);
      read_shape(value, entry);
      Span span = read_offsets(value, entry, data_size);
      entry.offset = data_begin + span.begin;
      span.name = tensor;
      spans.push_back(std::move(span));
      if (!tensors_.emplace(tensor, std::move(entry)).second) throw Defect{"is there twice"};
    } catch (const Defect& defect) {
      throw LoadError(name + ": tensor " + tensor + " " + defect.what);
    }
  }
  check_layout(std::move(spans), data_size, name);
}

std::vector<float> Safetensors::read(const TensorEntry& tensor) const {
  std::vector<float> values(tensor.elements);
  read(tensor, 0, values);
  return values;
}

void Safetensors::read(const TensorEntry& tensor, std::uint64_t first, std::span<float> values) const {
  if (tensor.dtype == DType::kF32) {
    file_.read_at(tensor.offset + sizeof(float) * first, values.data(), values.size_bytes());
    return;
  }
  std::vector<std::uint16_t> block(std::min(kReadBlock, values.size()));
  for (std::size_t done = 0; done < values.size(); done += block.size()) {
    const std::size_t count = std::min(block.size(), values.size() - done);
    file_.read_at(tensor.offset + 2 * (first + done), block.data(), 2 * count);
    const auto end = block.begin() + static_cast<std::ptrdiff_t>(count);
    const auto to = values.begin() + static_cast<std::ptrdiff_t>(done);
    if (tensor.dtype == DType::kF16) {
      std::transform(block.begin(), end, to, from_half);
    } else {
      std::transform(block.begin(), end, to, from_bfloat16);
    }
  }
}

}  // namespace sluice::worker
