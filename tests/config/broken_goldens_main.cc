#include <cstdio>
#include <exception>
#include <fstream>

#include "tests/config/broken_goldens.h"

// sluice-broken-goldens FOLDER
// Writes what is printed about each broken file of the folder anew. Read the difference before it is
// committed: each message must name the place, the reason and the remedy.
int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: sluice-broken-goldens FOLDER\n", stderr);
    return 2;
  }
  try {
    namespace goldens = sluice::config::goldens;
    for (const goldens::Broken& broken : goldens::broken_files(argv[1]))
      std::ofstream(broken.expected, std::ios::binary) << goldens::printed(goldens::load(broken.file));
  } catch (const std::exception& error) {
    std::fputs(error.what(), stderr);
    return 1;
  }
  return 0;
}
