#include "gateway/app/sluicectl/output.h"

#include <gtest/gtest.h>

#include "gateway/app/sluicectl/completion.h"

namespace sluice::ctl {
namespace {

JsonValue json(const char* text) {
  auto value = JsonValue::parse(text);
  EXPECT_TRUE(value) << text;
  return value.value_or(JsonValue{});
}

TEST(Table, ColumnsAreAsWideAsTheirWidestCellAndNumbersStandToTheRight) {
  Table table({"NAME", "COUNT"});
  table.add({"a", "1"});
  table.add({"longer", "1000"});
  EXPECT_EQ(table.to_string(), "NAME    COUNT\na           1\nlonger   1000\n");
}

TEST(Table, WithoutRowsOnlyTheHeadingsAreLeft) {
  EXPECT_EQ(Table({"A", "B"}).to_string(), "A  B\n");
}

TEST(Table, OnANarrowScreenColumnsAreLeftOutFromTheRight) {
  Table table({"ID", "STATE", "PEER"});
  table.add({"4bf92f35", "streaming", "[::1]:4000"});
  const std::string whole = "ID        STATE      PEER\n4bf92f35  streaming  [::1]:4000\n";
  const std::string two = "ID        STATE\n4bf92f35  streaming\n";
  EXPECT_EQ(table.to_string(31), whole);
  EXPECT_EQ(table.to_string(30), two);
  EXPECT_EQ(table.to_string(19), two);
  EXPECT_EQ(table.to_string(18), "ID\n4bf92f35\n");
  EXPECT_EQ(table.to_string(1), "ID\n4bf92f35\n");
}

TEST(Table, NoValueMovesTheTerminal) {
  Table table({"PATH"});
  table.add({"a\x1b[2J\n\x7f\xc2\x9b\xff"});
  EXPECT_EQ(table.to_string(), "PATH\na?[2J????\n");
}

TEST(Table, ACharacterIsOneColumnHoweverManyBytesItHas) {
  Table table({"A", "B"});
  table.add({"äöü", "x"});
  EXPECT_EQ(table.to_string(), "A    B\näöü  x\n");
}

TEST(Yaml, KeepsOrderNestsListsAndQuotesWhatCouldBeTakenForSomethingElse) {
  EXPECT_EQ(to_yaml(json(R"({"b":1,"a":{"text":"plain","yes":"yes","number":"5","empty":"","none":null},
                             "list":[1,"x"],"objects":[{"k":true,"l":[]},{"k":false}],"nothing":{}})")),
            "b: 1\n"
            "a:\n"
            "  text: plain\n"
            "  yes: \"yes\"\n"
            "  number: \"5\"\n"
            "  empty: \"\"\n"
            "  none: null\n"
            "list:\n"
            "  - 1\n"
            "  - x\n"
            "objects:\n"
            "  - k: true\n"
            "    l: []\n"
            "  - k: false\n"
            "nothing: {}\n");
}

TEST(JsonValue, WhatIsNoJsonHasNoValueAndAMissingMemberIsNull) {
  EXPECT_FALSE(JsonValue::parse("{"));
  EXPECT_FALSE(JsonValue::parse(""));
  const JsonValue value = json(R"({"a":[1,"x",null]})");
  EXPECT_EQ(value["a"].plain(), "1, x, ");
  EXPECT_EQ(value["b"]["c"].plain(), "");
  EXPECT_EQ(value["b"].number(), 0);
}

TEST(ShortDuration, HasTwoUnitsAtMost) {
  EXPECT_EQ(short_duration(0.84), "0.8s");
  EXPECT_EQ(short_duration(41.9), "41s");
  EXPECT_EQ(short_duration(187), "3m07s");
  EXPECT_EQ(short_duration(7500), "2h05m");
  EXPECT_EQ(short_duration(90000), "1d01h");
}

TEST(ClustersTable, SaysWhereEndpointsComeFromAndHowDiscoveryFares) {
  constexpr const char* kEndpoints =
      R"({"clusters":[{"name":"a","endpoints":[{"address":"10.0.0.1:80","weight":1,
      "source":"dns","state":"available","in_flight":0,"attempts":2,"failures":1}])";
  const std::string without = clusters_table(json((std::string(kEndpoints) + "}]}").c_str()));
  EXPECT_EQ(without,
            "CLUSTER  ENDPOINT     WEIGHT  SOURCE  STATE      IN FLIGHT  ATTEMPTS  FAILURES\n"
            "a        10.0.0.1:80       1  dns     available          0         2         1\n");
  const std::string with = clusters_table(
      json((std::string(kEndpoints) +
            R"(,"discovery":{"source":"dns","subject":"gpu:80","endpoints":1,"left_out":0,"outcome":"timeout",
          "problem":"silence","failures":3,"last_success_seconds":null,"next_look_seconds":41.2}}]})")
               .c_str()));
  EXPECT_EQ(
      with,
      without +
          "\nCLUSTER  DISCOVERY   ENDPOINTS  LEFT OUT  OUTCOME  FAILURES  LAST SUCCESS  NEXT LOOK  PROBLEM\n"
          "a        dns gpu:80          1         0  timeout         3  never         in 41s     silence\n");
}

TEST(DiffTable, ShowsWhatWasAndWhatIs) {
  EXPECT_EQ(
      diff_table(json(
          R"({"changes":[{"path":"a","before":"1","after":"2"},{"path":"b","before":null,"after":"x"}]})")),
      "a\n  - 1\n  + 2\nb\n  + x\n");
  EXPECT_EQ(diff_table(json(R"({"changes":[]})")), "no difference\n");
}

TEST(Completion, ADescriptionCannotEndItsQuotes) {
  const std::string script = zsh_completion({"--admin"}, {{"drain", "what's: this", {}, {}, false}});
  EXPECT_NE(script.find("'drain:what'\\''s\\: this'"), std::string::npos) << script;
}

}  // namespace
}  // namespace sluice::ctl
