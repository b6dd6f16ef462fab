// What operators see of each mistake, word for word. After a wanted change of a message:
// build/asan/bin/sluice-broken-goldens tests/config/broken

#include "tests/config/broken_goldens.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "config/describe.h"
#include "config/struct_walk.h"

namespace sluice::config {
namespace {

using goldens::Broken;

const std::filesystem::path kFolder = SLUICE_BROKEN_FOLDER;

TEST(BrokenGoldens, EachFilePrintsWhatIsExpected) {
  const auto files = goldens::broken_files(kFolder);
  EXPECT_GE(files.size(), 60U);
  for (const Broken& broken : files)
    EXPECT_EQ(goldens::printed(goldens::load(broken.file)), goldens::content_of(broken.expected))
        << broken.file;
}

TEST(BrokenGoldens, OneFaultIsToldOnceAndOnlyAnErrorStopsTheFile) {
  for (const Broken& broken : goldens::broken_files(kFolder)) {
    const LoadResult result = goldens::load(broken.file);
    ASSERT_EQ(result.diagnostics.size(), 1U) << broken.file;
    EXPECT_EQ(result.ok(), result.diagnostics[0].severity == Diagnostic::Severity::kWarning) << broken.file;
  }
}

TEST(BrokenGoldens, NoExpectationIsLeftWithoutItsFile) {
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() != ".expected") continue;
    std::filesystem::path file = entry.path();
    EXPECT_TRUE(std::filesystem::exists(file.replace_extension(".yaml"))) << entry.path();
  }
}

// `routes[0].match` as the walk over the schema spells it: `routes[].match`.
std::string without_indices(std::string_view path) {
  std::string out;
  bool in_brackets = false;
  for (const char c : path) {
    if (c == ']') in_brackets = false;
    if (!in_brackets) out += c;
    if (c == '[') in_brackets = true;
  }
  return out;
}

TEST(BrokenGoldens, EverySectionOfTheSchemaHasABrokenFile) {
  std::string blamed;
  for (const Broken& broken : goldens::broken_files(kFolder)) {
    for (const Diagnostic& diagnostic : goldens::load(broken.file).diagnostics)
      blamed += "\n" + without_indices(diagnostic.path) + ".";
  }
  for (const WalkedStruct& walked : walk_structs(config_struct()))
    EXPECT_NE(blamed.find("\n" + walked.path), std::string::npos) << walked.path;
}

}  // namespace
}  // namespace sluice::config
