#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "config/load.h"

// The broken files of this folder, each with one fault, and what is printed about it: `broken/NAME.yaml` and
// `broken/NAME.expected`. Shared by the test that compares and the program that writes anew.
namespace sluice::config::goldens {

struct Broken {
  std::filesystem::path file;
  std::filesystem::path expected;
};

// Every `.yaml` in `folder`, by name.
std::vector<Broken> broken_files(const std::filesystem::path& folder);

// Loads `file` under its name without folders, so that no golden depends on where the repository is.
LoadResult load(const std::filesystem::path& file);

// As `sluice validate` prints them, one after the other.
std::string printed(const LoadResult& result);

std::string content_of(const std::filesystem::path& file);

}  // namespace sluice::config::goldens
