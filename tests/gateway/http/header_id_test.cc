#include "gateway/http/header_id.h"

#include <gtest/gtest.h>

#include <cctype>
#include <string>
#include <vector>

namespace sluice {
namespace {

std::vector<HeaderId> all_ids() {
  std::vector<HeaderId> ids;
  for (int i = 1; i <= static_cast<int>(HeaderId::kXRequestId); ++i)
    ids.push_back(static_cast<HeaderId>(i));
  return ids;
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

TEST(HeaderId, EveryNameIsFoundInEveryCase) {
  for (const HeaderId id : all_ids()) {
    const std::string name(header_name(id));
    ASSERT_FALSE(name.empty());
    EXPECT_EQ(header_id(name), id) << name;
    EXPECT_EQ(header_id(upper(name)), id) << name;
    // One letter at a time in the other case.
    for (std::size_t i = 0; i < name.size(); ++i) {
      std::string mixed = name;
      mixed[i] = upper(mixed.substr(i, 1))[0];
      EXPECT_EQ(header_id(mixed), id) << mixed;
    }
  }
}

TEST(HeaderId, ANameThatDiffersInOneCharacterIsAnother) {
  for (const HeaderId id : all_ids()) {
    const std::string name(header_name(id));
    for (std::size_t i = 0; i < name.size(); ++i) {
      std::string longer = name;
      longer.insert(i, 1, 'q');
      EXPECT_EQ(header_id(longer), HeaderId::kOther) << longer;
      std::string shorter = name;
      shorter.erase(i, 1);
      EXPECT_EQ(header_id(shorter), HeaderId::kOther) << shorter;
      for (int c = 0; c < 256; ++c) {
        std::string other = name;
        other[i] = static_cast<char>(c);
        if (std::tolower(c) == std::tolower(static_cast<unsigned char>(name[i])) && c < 0x80) continue;
        EXPECT_EQ(header_id(other), HeaderId::kOther) << other;
      }
    }
  }
}

TEST(HeaderId, OnlyLettersHaveACase) {
  // '-' (0x2d) and CR (0x0d) differ in the bit that tells a letter's case; '_' and DEL too.
  EXPECT_EQ(header_id("content\rlength"), HeaderId::kOther);
  EXPECT_FALSE(equals_ignoring_case("[", "{"));
  EXPECT_FALSE(equals_ignoring_case("@", "`"));
  EXPECT_FALSE(equals_ignoring_case("_", "\x7f"));
  EXPECT_TRUE(equals_ignoring_case("aZ", "Az"));
  EXPECT_TRUE(equals_ignoring_case("", ""));
  EXPECT_FALSE(equals_ignoring_case("a", "ab"));
  // The long s and the Kelvin sign fold to ASCII letters in Unicode, not here.
  EXPECT_FALSE(equals_ignoring_case("ho\xc5\xbft", "host"));
}

TEST(HeaderId, TheEmptyNameAndUnknownOnesAreOther) {
  EXPECT_EQ(header_id(""), HeaderId::kOther);
  EXPECT_EQ(header_id("x-unknown"), HeaderId::kOther);
  EXPECT_EQ(header_id(" host"), HeaderId::kOther);
  EXPECT_EQ(header_id("host "), HeaderId::kOther);
  EXPECT_EQ(header_name(HeaderId::kOther), "");
}

}  // namespace
}  // namespace sluice
