#include "config/diagnostic.h"

#include <gtest/gtest.h>

#include "config/load.h"

namespace sluice::config {
namespace {

TEST(Diagnostic, PrintsPlacePathMessageAndACaretUnderTheColumn) {
  const LoadResult result = load_text("version: 1\nlisteners: []\nlimits: {max_streams: x}\n", "sluice.yaml");
  ASSERT_FALSE(result.diagnostics.empty());
  EXPECT_EQ(result.diagnostics.back().to_string(),
            "sluice.yaml:3:23: limits.max_streams: is not a whole number, got \"x\"\n"
            "  limits: {max_streams: x}\n"
            "                        ^");
}

TEST(Diagnostic, ColumnsCountCharactersAndTheCaretFollowsTabs) {
  const LoadResult result = load_text("version: \"\xC3\xA9\"\t# \xC3\xA9\nadmin: {\"\xC3\xA9\":\t1}\n", "f");
  ASSERT_EQ(result.diagnostics.size(), 5U);
  EXPECT_EQ(result.diagnostics.back().to_string(),
            "f:2:9: admin: unknown key \"\xC3\xA9\"; known here: enabled, address, socket, token, audit_log\n"
            "  admin: {\"\xC3\xA9\":\t1}\n"
            "          ^");
  const Diagnostic behind_tab{
      .file = "f", .line = 1, .column = 4, .path = "p", .message = "m", .source_line = "\xC3\xA9\t\tx"};
  EXPECT_EQ(behind_tab.to_string(), "f:1:4: p: m\n  \xC3\xA9\t\tx\n   \t\t^");
}

TEST(Diagnostic, AWarningSaysSoAndAWholeFileHasNoPlace) {
  const Diagnostic warning{.severity = Diagnostic::Severity::kWarning,
                           .file = "f",
                           .line = 1,
                           .column = 1,
                           .path = "routes[0]",
                           .message = "never matches"};
  EXPECT_EQ(warning.to_string(), "f:1:1: warning: routes[0]: never matches");
  EXPECT_EQ((Diagnostic{.file = "f", .message = "is empty"}).to_string(), "f: is empty");
}

TEST(Diagnostic, AVeryLongLineIsNotRepeated) {
  const LoadResult result = load_text("limts: {a: [" + std::string(300, 'x') + "]}\n", "f");
  ASSERT_FALSE(result.diagnostics.empty());
  for (const Diagnostic& diagnostic : result.diagnostics)
    EXPECT_EQ(diagnostic.source_line, "");
}

}  // namespace
}  // namespace sluice::config
