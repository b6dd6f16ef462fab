#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "backends/worker/device/device.h"
#include "backends/worker/model/safetensors.h"

namespace sluice::worker {

// Hears how much of a checkpoint's values has been read, from 0 to 1.
using LoadProgress = std::function<void(double share)>;

// The tensors of a checkpoint directory: `model.safetensors`, or the files that
// `model.safetensors.index.json` lists. Keeps account of which tensors were taken, so that a model that reads
// less than the checkpoint holds (a bias that its configuration does not mention) is refused rather than
// served wrong.
class Checkpoint {
 public:
  // Opens and checks every file; throws LoadError.
  explicit Checkpoint(const std::filesystem::path& directory, LoadProgress progress = {});

  // The values of a tensor, as f32 in row-major order. Throws LoadError, naming the file, the tensor and both
  // shapes, if it is missing or of another shape.
  std::vector<float> take(const std::string& name, const std::vector<std::int64_t>& shape);

  // The same values bit by bit, for tensors of which no second copy should exist. Valid as long as the
  // checkpoint; throws LoadError now as `take` does, and while it is read if the file has shrunk.
  RowSource take_rows(const std::string& name, const std::vector<std::int64_t>& shape);

  // A tensor that may be there without being read.
  void ignore(const std::string& name) { taken_.insert(name); }

  // Throws LoadError if a tensor was neither taken nor ignored.
  void check_all_taken() const;

 private:
  struct Source {
    std::size_t file;
    const TensorEntry* entry;
  };

  void open(const std::filesystem::path& path);
  Source find(const std::string& name, const std::vector<std::int64_t>& shape);
  void count_read(std::size_t values);

  std::filesystem::path directory_;
  std::vector<Safetensors> files_;
  std::map<std::string, Source> sources_;
  std::set<std::string> taken_;
  LoadProgress progress_;
  std::uint64_t values_ = 0;
  std::uint64_t read_ = 0;
};

}  // namespace sluice::worker
