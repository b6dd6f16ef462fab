#pragma once

#include <string>
#include <vector>

#include "config/description.h"

namespace sluice::config {

struct WalkedStruct {
  std::string path;  // of the first place where it is used: `listeners[].http`; empty for the root
  const Struct* record;
};

// The root and every struct below it, each once, in the order in which a reader of the file meets them.
std::vector<WalkedStruct> walk_structs(const Struct& root);

}  // namespace sluice::config
