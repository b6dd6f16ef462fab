#include "gateway/llm/splice.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace sluice::llm {
namespace {

std::vector<std::string> pieces(const Splices& splices, std::string_view body) {
  std::vector<std::string> all;
  splices.for_each_piece(body, [&](std::string_view piece) { all.emplace_back(piece); });
  return all;
}

TEST(Splices, WithoutEditsTheBodyIsOnePiece) {
  const Splices none;
  EXPECT_TRUE(none.empty());
  EXPECT_EQ(pieces(none, "body"), std::vector<std::string>{"body"});
  EXPECT_EQ(pieces(none, ""), std::vector<std::string>{});
  EXPECT_EQ(none.total_length("body"), 4u);
}

TEST(Splices, ReplaceInsertAndDeleteInAnyOrderOfAdding) {
  Splices splices;
  splices.add({8, 2, ""});
  splices.add({0, 1, "A"});
  splices.add({4, 0, "--"});
  EXPECT_EQ(splices.apply("0123456789"), "A123--4567");
  EXPECT_EQ(splices.total_length("0123456789"), 10u);
  EXPECT_EQ(pieces(splices, "0123456789"), (std::vector<std::string>{"A", "123", "--", "4567"}));
}

TEST(Splices, InsertionsAtOnePlaceKeepTheirOrderAndPrecedeAReplacementThere) {
  Splices splices;
  splices.add({2, 2, "R"});
  splices.add({2, 0, "a"});
  splices.add({2, 0, "b"});
  splices.add({4, 0, "c"});
  EXPECT_EQ(splices.apply("012345"), "01abRc45");
}

TEST(Splices, AReplacementOfTheSameRangeWins) {
  Splices splices;
  splices.add({1, 3, "first"});
  splices.add({1, 3, "second"});
  EXPECT_EQ(splices.all().size(), 1u);
  EXPECT_EQ(splices.apply("0123456"), "0second456");
}

TEST(Splices, OverlapsAreABrokenInvariant) {
  Splices splices;
  splices.add({2, 4, "x"});
  EXPECT_THROW(splices.add({1, 2, "y"}), std::logic_error);
  EXPECT_THROW(splices.add({5, 3, "y"}), std::logic_error);
  EXPECT_THROW(splices.add({3, 0, "y"}), std::logic_error);
  EXPECT_THROW(splices.add({2, 3, "y"}), std::logic_error);
  EXPECT_EQ(splices.apply("01234567"), "01x67");
}

TEST(Splices, AnEditOutsideTheBodyIsABrokenInvariant) {
  Splices splices;
  splices.add({3, 2, "x"});
  EXPECT_EQ(splices.apply("01234"), "012x");
  EXPECT_THROW(splices.apply("0123"), std::logic_error);
  EXPECT_THROW(splices.total_length("0123"), std::logic_error);
}

TEST(Splices, ACopyIsIndependent) {
  Splices original;
  original.add({0, 1, "a"});
  Splices copy = original;
  copy.add({0, 1, "b"});
  EXPECT_EQ(original.apply("0"), "a");
  EXPECT_EQ(copy.apply("0"), "b");
}

}  // namespace
}  // namespace sluice::llm
