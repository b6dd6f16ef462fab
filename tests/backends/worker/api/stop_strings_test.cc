#include "backends/worker/api/stop_strings.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sluice::worker {
namespace {

struct Outcome {
  std::string text;
  std::optional<std::string> stop;
  bool operator==(const Outcome&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
  return out << '"' << outcome.text << "\" stopped by " << outcome.stop.value_or("nothing");
}

Outcome run(const std::vector<std::string>& pieces, const std::vector<std::string>& stops,
            bool keep = false) {
  StopStrings search(stops, keep);
  Outcome outcome;
  for (const std::string& piece : pieces) {
    outcome.stop = search.push(piece, true, outcome.text);
    if (outcome.stop) return outcome;
  }
  search.flush(outcome.text);
  return outcome;
}

struct Case {
  const char* text;
  std::vector<std::string> stops;
  Outcome expected;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> cases = {
      {"one two three", {"two"}, {"one ", "two"}},
      {"aaab", {"aab"}, {"a", "aab"}},
      {"ababac", {"abac"}, {"ab", "abac"}},
      {"no such thing", {"nothing", "thingy"}, {"no such thing", std::nullopt}},
      {"abcd", {"bcd", "bc"}, {"a", "bc"}},  // complete first, though second in the list
      {"abc", {"c", "bc"}, {"ab", "c"}},     // complete together: the list's first
      {"abc", {"bc", "c"}, {"a", "bc"}},     //
      {"x\n\ny", {"\n\n"}, {"x", "\n\n"}},   //
      {"stop", {"stop"}, {"", "stop"}},      //
      {"gr\xc3\xbc\xc3\x9f", {"\xc3\xbc"}, {"gr", "\xc3\xbc"}},
      {"anything", {}, {"anything", std::nullopt}},
  };
  return cases;
}

TEST(StopStrings, AreFoundHoweverTheTextIsCutInThree) {
  for (const Case& c : cases()) {
    const std::string text = c.text;
    for (std::size_t i = 0; i <= text.size(); ++i) {
      for (std::size_t j = i; j <= text.size(); ++j) {
        EXPECT_EQ(run({text.substr(0, i), text.substr(i, j - i), text.substr(j)}, c.stops), c.expected)
            << text << " cut at " << i << " and " << j;
      }
    }
  }
}

TEST(StopStrings, AreFoundInATextThatComesByteByByte) {
  for (const Case& c : cases()) {
    std::vector<std::string> pieces;
    for (const char byte : std::string(c.text))
      pieces.emplace_back(1, byte);
    EXPECT_EQ(run(pieces, c.stops), c.expected) << c.text;
  }
}

TEST(StopStrings, StayInTheTextWhereTheRequestKeepsThem) {
  EXPECT_EQ(run({"one t", "wo three"}, {"two"}, true), (Outcome{"one two", "two"}));
}

TEST(StopStrings, HoldBackOnlyWhatMayBecomeOne) {
  const std::vector<std::string> stops = {"<end>"};
  StopStrings search(stops, false);
  std::string out;
  EXPECT_FALSE(search.push("a<", true, out));
  EXPECT_EQ(out, "a");
  EXPECT_FALSE(search.push("e", true, out));
  EXPECT_EQ(out, "a");
  EXPECT_FALSE(search.push("x", true, out));
  EXPECT_EQ(out, "a<ex");
}

TEST(StopStrings, AreNotFoundWhereTheSearchIsOffButMayBeginThere) {
  const std::vector<std::string> stops = {"stop"};
  StopStrings search(stops, false);
  std::string out;
  EXPECT_FALSE(search.push("stop st", false, out));
  EXPECT_EQ(search.push("op!", true, out), "stop");
  EXPECT_EQ(out, "stop ");
}

TEST(StopStrings, OneHeldBackWhileTheSearchWasOffDoesNotCountLater) {
  const std::vector<std::string> stops = {"b", "abc"};
  StopStrings search(stops, false);
  std::string out;
  EXPECT_FALSE(search.push("ab", false, out));  // held: it may become "abc"; it also holds "b"
  EXPECT_FALSE(search.push("x", true, out));
  EXPECT_EQ(out, "abx");
}

}  // namespace
}  // namespace sluice::worker
