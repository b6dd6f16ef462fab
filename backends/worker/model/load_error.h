#pragma once

#include <stdexcept>
#include <string>

namespace sluice::worker {

// A checkpoint cannot be served. Thrown while loading, before the first request; what() names the file, and
// the tensor or the setting at fault, and is meant for the operator.
class LoadError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace sluice::worker
