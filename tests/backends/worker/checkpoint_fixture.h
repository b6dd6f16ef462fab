#pragma once

#include <simdjson.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace sluice::worker {

inline std::filesystem::path fixture_directory(const std::string& name) {
  return std::filesystem::path(SLUICE_SOURCE_DIR) / "tests/backends/worker/data" / name;
}

// What an independent float64 forward pass says of a checkpoint under data/ (make_checkpoint.py).
struct Reference {
  std::vector<std::int32_t> prompt;
  std::vector<std::int32_t> greedy;
  std::vector<std::vector<double>> logits;  // of each position of the prompt
};

inline std::vector<std::int32_t> json_ids(simdjson::dom::element list) {
  std::vector<std::int32_t> ids;
  for (const std::int64_t id : list.get_array())
    ids.push_back(static_cast<std::int32_t>(id));
  return ids;
}

inline Reference load_reference(const std::string& name) {
  simdjson::dom::parser parser;
  const simdjson::dom::element json = parser.load((fixture_directory(name) / "reference.json").string());
  Reference reference{json_ids(json["prompt"]), json_ids(json["greedy"]), {}};
  for (const simdjson::dom::element row : json["logits"].get_array()) {
    auto& values = reference.logits.emplace_back();
    for (const double value : row.get_array())
      values.push_back(value);
  }
  return reference;
}

// A directory of its own for one test, removed with it.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = std::filesystem::temp_directory_path() / "sluice-test-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = name;
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace sluice::worker
