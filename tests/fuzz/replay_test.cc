#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

// Of the fuzz target that this file is linked with; SLUICE_CORPUS is its corpus.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size);

namespace {

// A file that once made the fuzzer fail joins the corpus, so that it is replayed here for ever.
TEST(Corpus, EveryInputIsSurvived) {
  int replayed = 0;
  for (const auto& entry : std::filesystem::directory_iterator(SLUICE_CORPUS)) {
    SCOPED_TRACE(entry.path().string());
    std::ifstream file(entry.path(), std::ios::binary);
    // On the heap and of exactly its size, so that a read past it is seen.
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    EXPECT_EQ(LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()), 0);
    ++replayed;
  }
  EXPECT_GE(replayed, 5) << "the corpus is missing";
}

}  // namespace
