#include "gateway/proxy/field_match.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

using Kind = FieldMatch::Kind;

Headers headers_of(std::initializer_list<std::pair<std::string_view, std::string_view>> fields) {
  Headers headers;
  for (const auto& [name, value] : fields)
    headers.add(name, value);
  return headers;
}

TEST(FieldMatchTest, AHeadersNameIgnoresCaseAndItsValueDoesNot) {
  const FieldMatch match{.name = "X-Tier", .kind = Kind::kExact, .value = "gold"};
  EXPECT_TRUE(match.matches_header(headers_of({{"x-tier", "gold"}})));
  EXPECT_FALSE(match.matches_header(headers_of({{"x-tier", "Gold"}})));
  EXPECT_FALSE(match.matches_header(headers_of({{"x-tiers", "gold"}})));
}

TEST(FieldMatchTest, OneOfSeveralFieldsOfANameIsEnough) {
  const FieldMatch match{.name = "x-tier", .kind = Kind::kPrefix, .value = "go"};
  EXPECT_TRUE(match.matches_header(headers_of({{"x-tier", "free"}, {"X-Tier", "gold"}})));
}

TEST(FieldMatchTest, PresenceAndAbsenceAskForTheNameAlone) {
  const FieldMatch present{.name = "x"};
  const FieldMatch absent{.name = "x", .kind = Kind::kAbsent};
  EXPECT_TRUE(present.matches_header(headers_of({{"x", ""}})));
  EXPECT_FALSE(present.matches_header(headers_of({})));
  EXPECT_FALSE(absent.matches_header(headers_of({{"x", ""}})));
  EXPECT_TRUE(absent.matches_header(headers_of({{"y", ""}})));
  EXPECT_TRUE(present.matches_query("?x"));
  EXPECT_TRUE(absent.matches_query("?y=x"));
  EXPECT_FALSE(absent.matches_query("?y=1&x=2"));
}

TEST(FieldMatchTest, AnExpressionIsForTheWholeValue) {
  const FieldMatch match{.name = "x", .kind = Kind::kRegex, .pattern = Pattern::compile("a+").value()};
  EXPECT_TRUE(match.matches_header(headers_of({{"x", "aaa"}})));
  EXPECT_FALSE(match.matches_header(headers_of({{"x", "aab"}})));
  EXPECT_TRUE(match.matches_query("?x=%61a"));
}

TEST(FieldMatchTest, AQueryIsComparedDecoded) {
  const FieldMatch match{.name = "a b", .kind = Kind::kExact, .value = "1&2"};
  EXPECT_TRUE(match.matches_query("?a+b=1%262"));
  EXPECT_TRUE(match.matches_query("?c=d&a%20b=1%262&e"));
  EXPECT_FALSE(match.matches_query("?a+b=1&2"));
  EXPECT_FALSE(match.matches_query(""));
  EXPECT_FALSE(match.matches_query("?&&"));
}

TEST(FieldMatchTest, AnEscapeThatIsNoneStaysAsItIs) {
  std::string scratch;
  EXPECT_EQ(decode_query_text("%", scratch), "%");
  EXPECT_EQ(decode_query_text("%4", scratch), "%4");
  EXPECT_EQ(decode_query_text("%zz%41", scratch), "%zzA");
}

}  // namespace
}  // namespace sluice
