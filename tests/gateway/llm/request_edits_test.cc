#include "gateway/llm/request_edits.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::llm {
namespace {

struct EditCase {
  const char* name;
  std::string body;
  std::string expected;
};

BodyBuffer buffer_of(std::string_view text) {
  BodyBuffer body(1 << 20);
  EXPECT_TRUE(body.append(text));
  return body;
}

std::string with_model(std::string_view text, std::string_view model) {
  const BodyBuffer body = buffer_of(text);
  RequestParser parser;
  Splices splices;
  splices.add(set_model(parser.parse(body).value(), model));
  const std::string edited = splices.apply(text);
  const BodyBuffer again = buffer_of(edited);
  EXPECT_EQ(parser.parse(again).value().model.view(), model);
  return edited;
}

TEST(SetModel, ReplacesTheValueAndNothingElse) {
  EXPECT_EQ(with_model(R"({ "a":1, "model" : "old\u0041" , "n":2})", "new"),
            R"({ "a":1, "model" : "new" , "n":2})");
  EXPECT_EQ(with_model(R"({"model":null})", "new"), R"({"model":"new"})");
}

TEST(SetModel, AddsTheMemberWhereItIsAbsent) {
  EXPECT_EQ(with_model(R"({"n":1})", "m"), R"({"model":"m","n":1})");
  EXPECT_EQ(with_model(" { } ", "m"), R"( {"model":"m" } )");
}

TEST(SetModel, EscapesTheName) {
  EXPECT_EQ(with_model(R"({"model":"x"})", "a\"b"), R"({"model":"a\"b"})");
}

class AskForUsage : public testing::TestWithParam<EditCase> {};

TEST_P(AskForUsage, EditsTheBodySoThatUsageIsIncluded) {
  const BodyBuffer body = buffer_of(GetParam().body);
  RequestParser parser;
  const RequestView view = parser.parse(body).value();
  Splices splices;
  if (auto splice = ask_for_usage(view)) splices.add(std::move(*splice));
  const std::string edited = splices.apply(body.view());
  EXPECT_EQ(edited, GetParam().expected);
  const BodyBuffer again = buffer_of(edited);
  EXPECT_EQ(parser.parse(again).value().include_usage, view.stream || view.include_usage);
}

INSTANTIATE_TEST_SUITE_P(
    Table, AskForUsage,
    testing::Values(
        EditCase{"NotAStream", R"({"n":1})", R"({"n":1})"},
        EditCase{"StreamOff", R"({"stream":false})", R"({"stream":false})"},
        EditCase{"Absent", R"({"stream":true})",
                 R"({"stream_options":{"include_usage":true},"stream":true})"},
        EditCase{"Null", R"({"stream":true,"stream_options":null})",
                 R"({"stream":true,"stream_options":{"include_usage":true}})"},
        EditCase{"Empty", R"({"stream":true,"stream_options":{ }})",
                 R"({"stream":true,"stream_options":{"include_usage":true }})"},
        EditCase{"OthersAreKept", R"({"stream":true,"stream_options":{"continuous_usage_stats":true}})",
                 R"({"stream":true,"stream_options":{"include_usage":true,"continuous_usage_stats":true}})"},
        EditCase{"False", R"({"stream_options":{"x":[{}],"include_usage":false},"stream":true})",
                 R"({"stream_options":{"x":[{}],"include_usage":true},"stream":true})"},
        EditCase{"NullOption", R"({"stream_options":{"include_usage":null},"stream":true})",
                 R"({"stream_options":{"include_usage":true},"stream":true})"},
        EditCase{"AskedAlready", R"({"stream_options":{"include_usage":true},"stream":true})",
                 R"({"stream_options":{"include_usage":true},"stream":true})"}),
    [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace sluice::llm
