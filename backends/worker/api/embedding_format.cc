#include "backends/worker/api/embedding_format.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

#include "backends/worker/api/json_writer.h"
#include "backends/worker/device/bfloat16.h"
#include "gateway/base/base64.h"

namespace sluice::worker {
namespace {

// What torch's normalize divides by at least.
constexpr double kLeastLength = 1e-12;

template <class Bits>
void append_bytes(Bits bits, bool big_endian, std::string& out) {
  if ((std::endian::native == std::endian::big) != big_endian) bits = std::byteswap(bits);
  out.append(reinterpret_cast<const char*>(&bits), sizeof bits);
}

void append_number(float number, const EmbeddingStyle& style, std::string& out) {
  switch (style.type) {
    case EmbeddingType::kFloat32:
      return append_bytes(std::bit_cast<std::uint32_t>(number), style.big_endian, out);
    case EmbeddingType::kFloat16:
      return append_bytes(std::bit_cast<std::uint16_t>(static_cast<_Float16>(number)), style.big_endian, out);
    case EmbeddingType::kBfloat16:
      return append_bytes(to_bfloat16(number), style.big_endian, out);
  }
}

void write_numbers(JsonWriter& json, const std::vector<float>& numbers, const EmbeddingStyle& style) {
  if (style.as_base64) {
    std::string bytes;
    for (const float number : numbers)
      append_number(number, style, bytes);
    json.value(base64(bytes));
    return;
  }
  json.begin_array();
  for (const float number : numbers)
    json.value(number);
  json.end_array();
}

}  // namespace

void shape_embedding(std::vector<float>& embedding, std::size_t dimensions, bool normalised) {
  embedding.resize(dimensions);
  if (!normalised) return;
  double squares = 0;
  for (const float number : embedding)
    squares += static_cast<double>(number) * static_cast<double>(number);
  const double length = std::max(std::sqrt(squares), kLeastLength);
  for (float& number : embedding)
    number = static_cast<float>(static_cast<double>(number) / length);
}

std::string embeddings_body(const AnswerIdentity& identity, std::span<const std::vector<float>> embeddings,
                            const EmbeddingStyle& style, const Usage& usage) {
  std::string body;
  JsonWriter json(body);
  json.begin_object();
  write_identity(json, identity, "list");
  json.key("data");
  json.begin_array();
  for (std::size_t i = 0; i < embeddings.size(); ++i) {
    json.begin_object();
    json.member("index", i);
    json.member("object", "embedding");
    json.key("embedding");
    write_numbers(json, embeddings[i], style);
    json.end_object();
  }
  json.end_array();
  write_usage(json, usage, true);
  json.end_object();
  return body;
}

}  // namespace sluice::worker
