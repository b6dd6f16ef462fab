#include "backends/worker/model/checkpoint.h"

#include "backends/worker/model/json.h"
#include "backends/worker/model/load_error.h"

namespace sluice::worker {
namespace {

constexpr std::size_t kLargestIndex = 64U << 20;
constexpr std::size_t kMostFiles = 4096;

// The files an index names, each once. A name with a directory in it could point anywhere on the machine.
std::set<std::string> files_of_index(const std::filesystem::path& path) {
  const std::string text = read_file(path, kLargestIndex);
  simdjson::dom::parser parser;
  const JsonObject json = parse_json(parser, text, path.string());
  const auto map = json.member("weight_map");
  simdjson::dom::object tensors;
  if (!map || map->get(tensors) != simdjson::SUCCESS) json.refuse("weight_map is not an object");
  std::set<std::string> files;
  for (const auto& [tensor, value] : tensors) {
    std::string_view file;
    if (value.get(file) != simdjson::SUCCESS)
      json.refuse("weight_map of " + std::string(tensor) + " is not a string");
    if (file.find('/') != file.npos || file.empty() || file.front() == '.') {
      json.refuse("weight_map names the file " + std::string(file) + " outside the checkpoint");
    }
    files.emplace(file);
    if (files.size() > kMostFiles) json.refuse("weight_map names too many files");
  }
  return files;
}

}  // namespace

Checkpoint::Checkpoint(const std::filesystem::path& directory, LoadProgress progress)
    : directory_(directory), progress_(std::move(progress)) {
  const auto index = directory / "model.safetensors.index.json";
  if (!std::filesystem::exists(index)) {
    open(directory / "model.safetensors");
    return;
  }
  for (const std::string& file : files_of_index(index))
    open(directory / file);
}

void Checkpoint::open(const std::filesystem::path& path) {
  files_.emplace_back(path);
  for (const auto& [name, entry] : files_.back().tensors()) {
    if (!sources_.emplace(name, Source{files_.size() - 1, &entry}).second) {
      throw LoadError(path.string() + ": tensor " + name + " is in another file too");
    }
    values_ += entry.elements;
  }
}

Checkpoint::Source Checkpoint::find(const std::string& name, const std::vector<std::int64_t>& shape) {
  const auto found = sources_.find(name);
  if (found == sources_.end()) {
    throw LoadError(directory_.string() + ": tensor " + name + " of shape " + shape_text(shape) +
                    " is missing");
  }
  const auto& [file, entry] = found->second;
  if (entry->shape != shape) {
    throw LoadError(files_[file].path().string() + ": tensor " + name + " should have shape " +
                    shape_text(shape) + " and has " + shape_text(entry->shape));
  }
  taken_.insert(name);
  return found->second;
}

std::vector<float> Checkpoint::take(const std::string& name, const std::vector<std::int64_t>& shape) {
  const Source source = find(name, shape);
  std::vector<float> values = files_[source.file].read(*source.entry);
  count_read(values.size());
  return values;
}

RowSource Checkpoint::take_rows(const std::string& name, const std::vector<std::int64_t>& shape) {
  return [this, source = find(name, shape), next = std::uint64_t{0}](std::span<float> values) mutable {
    files_[source.file].read(*source.entry, next, values);
    next += values.size();
    count_read(values.size());
  };
}

void Checkpoint::count_read(std::size_t values) {
  read_ += values;
  if (progress_) progress_(static_cast<double>(read_) / static_cast<double>(values_));
}

void Checkpoint::check_all_taken() const {
  for (const auto& [name, source] : sources_) {
    if (!taken_.contains(name)) {
      throw LoadError(files_[source.file].path().string() + ": tensor " + name +
                      " is not part of the configured model");
    }
  }
}

}  // namespace sluice::worker
