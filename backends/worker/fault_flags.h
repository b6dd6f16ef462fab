#pragma once

#include <string>
#include <vector>

#include "backends/worker/api/api_faults.h"
#include "backends/worker/engine/faulty_runner.h"

namespace sluice::worker {

// What --fault asks for.
struct Faults {
  EngineFaults engine;
  ApiFaults api;
};

// Lines for --help: a kind and what it does each.
const char* fault_kinds();

// Adds the fault that `text` names: KIND or KIND:NUMBER. Returns what is wrong with it, nothing if all is
// well.
std::string add_fault(const std::string& text, Faults& faults);

}  // namespace sluice::worker
