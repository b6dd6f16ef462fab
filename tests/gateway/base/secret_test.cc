#include "gateway/base/secret.h"

#include <gtest/gtest.h>

#include <concepts>
#include <ostream>
#include <string>
#include <utility>

namespace sluice {
namespace {

template <class T>
concept Printable = requires(std::ostream& out, const T& value) { out << value; };

static_assert(!Printable<Secret> && !std::equality_comparable<Secret> && !std::copy_constructible<Secret>);

TEST(Secret, MatchesItselfAlone) {
  const Secret secret("correct horse");
  EXPECT_TRUE(secret.matches("correct horse"));
  for (const char* other :
       {"", "c", "correct hors", "correct horse ", "Correct horse", "correct horsecorrect horse"})
    EXPECT_FALSE(secret.matches(other)) << other;
}

TEST(Secret, AnEmptyOneMatchesNothing) {
  EXPECT_FALSE(Secret("").matches(""));
}

TEST(Secret, MovesWithoutLeavingACopyBehind) {
  Secret first("short");
  Secret second(std::move(first));
  EXPECT_TRUE(second.matches("short"));
  EXPECT_TRUE(first.reveal().empty());  // NOLINT(bugprone-use-after-move): what is left is the point
  first = std::move(second);
  EXPECT_TRUE(first.matches("short"));
  EXPECT_TRUE(second.reveal().empty());  // NOLINT(bugprone-use-after-move)
}

TEST(Secret, AWipedTextIsGoneFromItsMemory) {
  std::string text = "a text longer than a string's own buffer";
  const char* memory = text.data();
  wipe(text);
  EXPECT_TRUE(text.empty());
  EXPECT_EQ(memory[1], '\0');
}

}  // namespace
}  // namespace sluice
