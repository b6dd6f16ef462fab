#include "gateway/llm/usage.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace sluice::llm {

std::ostream& operator<<(std::ostream& out, const Usage& usage) {
  return out << "{prompt=" << usage.prompt_tokens << " completion=" << usage.completion_tokens
             << " total=" << usage.total_tokens << " cached=" << usage.cached_tokens << '}';
}

namespace {

BodyUsage fed(std::string_view body, std::size_t piece) {
  BodyUsage usage;
  for (std::size_t at = 0; at < body.size(); at += piece)
    usage.feed(body.substr(at, piece));
  return usage;
}

struct BodyCase {
  const char* name;
  std::string body;
  std::optional<Usage> usage;
  bool error = false;
  int error_code = 0;
};

class BodyUsageOf : public testing::TestWithParam<BodyCase> {};

TEST_P(BodyUsageOf, IsFoundHoweverTheBodyIsCut) {
  const BodyCase& c = GetParam();
  for (std::size_t piece = 1; piece <= c.body.size() + 1; ++piece) {
    const BodyUsage usage = fed(c.body, piece);
    ASSERT_EQ(usage.usage(), c.usage) << piece;
    ASSERT_EQ(usage.error_seen(), c.error) << piece;
    ASSERT_EQ(usage.error_code(), c.error_code) << piece;
  }
}

constexpr const char* kChat =
    R"({"id":"chatcmpl-1","choices":[{"index":0,"message":{"role":"assistant","content":"say \"usage\": {\"prompt_tokens\":9}"}}],)"
    R"("usage":{"prompt_tokens":12,"total_tokens":14,"completion_tokens":2,"prompt_tokens_details":null},"metrics":null})";

INSTANTIATE_TEST_SUITE_P(
    Table, BodyUsageOf,
    testing::Values(
        BodyCase{"Chat", kChat, Usage{12, 2, 14, 0}},
        BodyCase{"FirstMember",
                 R"({"usage":{"completion_tokens":3,"prompt_tokens":4,"total_tokens":7},"choices":[]})",
                 Usage{4, 3, 7, 0}},
        BodyCase{"Spaces",
                 " {\n \"usage\" :\t{ \"prompt_tokens\" : 4 , \"total_tokens\" : 7 } , \"a\" : [ ] }\r\n ",
                 Usage{4, 0, 7, 0}},
        BodyCase{"Cached",
                 R"({"usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10,)"
                 R"("prompt_tokens_details":{"audio_tokens":0,"cached_tokens":8,"x":{"cached_tokens":1}}}})",
                 Usage{9, 1, 10, 8}},
        BodyCase{"MissingTotal", R"({"usage":{"prompt_tokens":9,"completion_tokens":1}})",
                 Usage{9, 1, 10, 0}},
        BodyCase{"NestedUsageIsNotOurs",
                 R"({"a":{"usage":{"prompt_tokens":1}},"b":[{"usage":{"prompt_tokens":1}}]})", std::nullopt},
        BodyCase{"CountsInNestedObjectsAreNotOurs",
                 R"({"usage":{"x":{"prompt_tokens":5},"y":[{"prompt_tokens":6}],"prompt_tokens":1}})",
                 Usage{1, 0, 1, 0}},
        BodyCase{"NullUsage", R"({"usage":null})", std::nullopt},
        BodyCase{"EmptyUsage", R"({"usage":{}})", std::nullopt},
        BodyCase{"UsageOfAnotherType", R"({"usage":[{"prompt_tokens":1}]})", std::nullopt},
        BodyCase{"LastUsageCounts", R"({"usage":{"prompt_tokens":1},"usage":{"prompt_tokens":2}})",
                 Usage{2, 0, 2, 0}},
        BodyCase{"LastUsageCountsEvenIfNull", R"({"usage":{"prompt_tokens":1},"usage":null})", std::nullopt},
        BodyCase{"NegativeCount", R"({"usage":{"prompt_tokens":-1,"total_tokens":4}})", std::nullopt},
        BodyCase{"FractionalCount", R"({"usage":{"prompt_tokens":1.5,"total_tokens":4}})", std::nullopt},
        BodyCase{"HugeCount", R"({"usage":{"prompt_tokens":9007199254740993}})", std::nullopt},
        BodyCase{"LargestCount", R"({"usage":{"prompt_tokens":9007199254740992}})",
                 Usage{9007199254740992, 0, 9007199254740992, 0}},
        BodyCase{"OverlongCount", R"({"usage":{"prompt_tokens":11111111111111111111111111111111111111}})",
                 std::nullopt},
        BodyCase{"CountOfAnotherType", R"({"usage":{"prompt_tokens":"12","total_tokens":4}})", std::nullopt},
        BodyCase{"CountIsAnObject", R"({"usage":{"prompt_tokens":{},"total_tokens":4}})", std::nullopt},
        BodyCase{"CountIsABoolean", R"({"usage":{"prompt_tokens":true,"total_tokens":4}})", std::nullopt},
        BodyCase{"NullCountIsAbsent", R"({"usage":{"prompt_tokens":null,"total_tokens":4}})",
                 Usage{0, 0, 4, 0}},
        BodyCase{"BracketsAndQuotesInStrings",
                 R"({"a":"}]\"","b":["\\","{[\"",{"c":"\\\""}],"usage":{"prompt_tokens":1}})",
                 Usage{1, 0, 1, 0}},
        BodyCase{"LongNumbersElsewhere",
                 R"({"a":0.1234567890123456789012345678901234567890,"usage":{"prompt_tokens":1}})",
                 Usage{1, 0, 1, 0}},
        BodyCase{"LongNames",
                 R"({"usageusageusageusageusageusageusage":{"prompt_tokens":1},"usag":{"total_tokens":1}})",
                 std::nullopt},
        BodyCase{"EscapedNameIsNotRecognised", R"({"us\u0061ge":{"prompt_tokens":1}})", std::nullopt},
        BodyCase{
            "DeepNesting",
            "{\"a\":" + std::string(300, '[') + std::string(300, ']') + R"(,"usage":{"prompt_tokens":1}})",
            Usage{1, 0, 1, 0}},
        BodyCase{"Error", R"({"error":{"message":"x","type":"y","param":null,"code":404}})", std::nullopt,
                 true, 404},
        BodyCase{"ErrorWithTextCode", R"({"error":{"code":"model_not_found"}})", std::nullopt, true, 0},
        BodyCase{"ErrorIsText", R"({"error":"Unauthorized"})", std::nullopt, true, 0},
        BodyCase{"ErrorIsNull", R"({"error":null,"usage":{"prompt_tokens":1}})", Usage{1, 0, 1, 0}},
        BodyCase{"NestedErrorIsNotOurs", R"({"a":{"error":{"code":1}}})", std::nullopt},
        BodyCase{"Empty", "", std::nullopt},                                               //
        BodyCase{"NotAnObject", R"([{"usage":{"prompt_tokens":1}}])", std::nullopt},       //
        BodyCase{"Text", "Internal Server Error", std::nullopt},                           //
        BodyCase{"TrailingContent", R"({"usage":{"prompt_tokens":1}}x)", std::nullopt},    //
        BodyCase{"TwoObjects", R"({"usage":{"prompt_tokens":1}}{})", std::nullopt},        //
        BodyCase{"MissingComma", R"({"a":1 "usage":{"prompt_tokens":1}})", std::nullopt},  //
        BodyCase{"MissingColon", R"({"usage" {"prompt_tokens":1}})", std::nullopt},        //
        BodyCase{"TrailingComma", R"({"usage":{"prompt_tokens":1,}})", std::nullopt},      //
        BodyCase{"MissingValue", R"({"usage":{"prompt_tokens":}})", std::nullopt},         //
        BodyCase{"BadLiteral", R"({"usage":{"prompt_tokens":1},"a":tru})", std::nullopt},  //
        BodyCase{"BadNumber", R"({"usage":{"prompt_tokens":01}})", std::nullopt}),
    [](const auto& instance) { return instance.param.name; });

TEST(BodyUsage, OfABodyThatIsCutOffIsNone) {
  const std::string_view body = kChat;
  for (std::size_t size = 0; size < body.size(); ++size) {
    ASSERT_EQ(fed(body.substr(0, size), 7).usage(), std::nullopt) << size;
  }
}

// A random JSON value; `text` avoids nothing that a string may hold.
class Generator {
 public:
  explicit Generator(std::uint32_t seed) : random_(seed) {}

  std::size_t below(std::size_t n) { return random_() % n; }

  std::string text() {
    static const std::vector<std::string> kParts = {
        "a",       "\\\"",     "\\\\",  "{", "}", "[", "]", ",", ":", "usage", "\\\"usage\\\":{",
        "\\u00e9", "\xc3\xa9", "error", " "};
    std::string out = "\"";
    for (std::size_t n = below(8); n > 0; --n)
      out += kParts[below(kParts.size())];
    return out + "\"";
  }

  std::string value(int depth) {
    switch (below(depth > 0 ? 6 : 4)) {
      case 0:
        return std::to_string(below(1000)) + (below(2) != 0 ? ".5" : "");
      case 1:
        return text();
      case 2:
        return "null";
      case 3:
        return below(2) != 0 ? "true" : "false";
      case 4:
        return sequence(depth, '[', ']');
      default:
        return sequence(depth, '{', '}');
    }
  }

 private:
  std::string sequence(int depth, char open, char close) {
    std::string out(1, open);
    const std::size_t count = below(4);
    for (std::size_t i = 0; i < count; ++i) {
      if (i > 0) out += below(2) != 0 ? "," : " ,\n";
      if (open == '{') out += (below(4) == 0 ? "\"usage\"" : text()) + ":";
      out += value(depth - 1);
    }
    return out + close;
  }

  std::mt19937 random_;
};

TEST(BodyUsage, IsFoundAmongRandomMembersInRandomPieces) {
  Generator generate(4711);
  for (int round = 0; round < 3000; ++round) {
    const auto count = [&] { return static_cast<std::int64_t>(generate.below(100000)); };
    const Usage expected{count(), count(), count(), count()};
    const std::size_t members = generate.below(6);
    const std::size_t place = generate.below(members + 1);
    const bool with_usage = generate.below(4) != 0;
    std::vector<std::string> parts;
    for (std::size_t i = 0; i <= members; ++i) {
      if (i == place && with_usage) {
        parts.push_back("\"usage\":{\"x\":" + generate.value(3) +
                        ",\"prompt_tokens\":" + std::to_string(expected.prompt_tokens) +
                        ",\"completion_tokens\":" + std::to_string(expected.completion_tokens) +
                        ",\"prompt_tokens_details\":{\"y\":" + generate.value(2) +
                        ",\"cached_tokens\":" + std::to_string(expected.cached_tokens) +
                        "},\"total_tokens\":" + std::to_string(expected.total_tokens) + "}");
      } else {
        parts.push_back("\"m" + std::to_string(i) + "\":" + generate.value(4));
      }
    }
    std::string body = "{";
    for (std::size_t i = 0; i < parts.size(); ++i)
      body += (i > 0 ? "," : "") + parts[i];
    body += "}";
    BodyUsage usage;
    for (std::size_t at = 0; at < body.size();) {
      const std::size_t piece = 1 + generate.below(20);
      usage.feed(std::string_view(body).substr(at, piece));
      at += piece;
    }
    ASSERT_EQ(usage.usage(), with_usage ? std::optional(expected) : std::nullopt) << body;
  }
}

// Byte by byte the scanner follows every step; whole bodies take its short cuts.
TEST(BodyUsage, ABodyWithAWrongByteMeansTheSameHoweverItIsCut) {
  Generator generate(1138);
  const std::string_view bytes = "\"\\{}[]:,|0129.eE-+ \n\x01tnu";
  for (int round = 0; round < 20000; ++round) {
    std::string body = "{\"a\":" + generate.value(3) + ",\"choices\":[" + generate.value(3) +
                       "],\"usage\":{\"prompt_tokens\":" + std::to_string(generate.below(1000)) +
                       ",\"x\":" + generate.value(2) + "},\"error\":{\"message\":" + generate.text() +
                       ",\"code\":40" + std::to_string(generate.below(10)) + "}}";
    for (std::size_t edits = generate.below(3); edits > 0; --edits) {
      const std::size_t at = generate.below(body.size());
      const char byte = bytes[generate.below(bytes.size())];
      if (generate.below(3) == 0) {
        body.erase(at, 1);
      } else if (generate.below(2) == 0) {
        body.insert(at, 1, byte);
      } else {
        body[at] = byte;
      }
    }
    UsageScanner whole;
    whole.feed(body);
    UsageScanner slow;
    for (const char& byte : body)
      slow.feed({&byte, 1});
    UsageScanner halved;
    const std::size_t half = generate.below(body.size() + 1);
    halved.feed(std::string_view(body).substr(0, half));
    halved.feed(std::string_view(body).substr(half));
    for (const UsageScanner* other : {&whole, &halved}) {
      ASSERT_EQ(other->complete(), slow.complete()) << body;
      if (!slow.complete()) continue;
      ASSERT_EQ(other->usage(), slow.usage()) << body;
      ASSERT_EQ(other->has_error(), slow.has_error()) << body;
      ASSERT_EQ(other->error_code(), slow.error_code()) << body;
      ASSERT_EQ(other->choices_empty(), slow.choices_empty()) << body;
    }
  }
}

const std::string kRole =
    R"(data: {"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]})"
    "\n\n";
const std::string kToken = R"(data: {"id":"c","choices":[{"index":0,"delta":{"content":"Hi"}}]})"
                           "\n\n";
const std::string kUsageFrame =
    R"(data: {"id":"c","choices":[],"usage":{"prompt_tokens":9,"total_tokens":12,"completion_tokens":3}})"
    "\n\n";
const std::string kErrorFrame =
    R"(data: {"error":{"message":"m","type":"BadRequestError","param":null,"code":400}})"
    "\n\n";

struct StreamCase {
  const char* name;
  std::string stream;
  std::uint64_t content = 0;
  bool done = false;
  std::optional<Usage> usage = std::nullopt;
  bool error = false;
  int error_code = 0;
};

class StreamUsageOf : public testing::TestWithParam<StreamCase> {};

TEST_P(StreamUsageOf, IsTheSameHoweverTheStreamIsCut) {
  const StreamCase& c = GetParam();
  for (std::size_t cut = 0; cut <= c.stream.size(); ++cut) {
    StreamUsage usage;
    usage.feed(std::string_view(c.stream).substr(0, cut));
    usage.feed(std::string_view(c.stream).substr(cut));
    ASSERT_EQ(usage.content_events(), c.content) << cut;
    ASSERT_EQ(usage.content_seen(), c.content > 0);
    ASSERT_EQ(usage.done(), c.done) << cut;
    ASSERT_EQ(usage.usage(), c.usage) << cut;
    ASSERT_EQ(usage.error_seen(), c.error) << cut;
    ASSERT_EQ(usage.error_code(), c.error_code) << cut;
  }
}

std::string token_with(std::string_view tail) {
  return R"(data: {"choices":[{"delta":{"content":"x"}}],)" + std::string(tail) + "}\n\n";
}

INSTANTIATE_TEST_SUITE_P(
    Table, StreamUsageOf,
    testing::Values(
        StreamCase{"Chat", kRole + kToken + kToken + kUsageFrame + std::string(kSseDone), 3, true,
                   Usage{9, 3, 12, 0}},
        StreamCase{"WithoutUsage", kToken + kToken + std::string(kSseDone), 2, true},
        StreamCase{"CutOff", kRole + kToken, 2, false},
        StreamCase{"KeepAlives", ": ping\n\nevent: ping\n\ndata:\n\n", 0, false},
        StreamCase{"ErrorFirst", kErrorFrame + std::string(kSseDone), 0, true, std::nullopt, true, 400},
        StreamCase{"ErrorLater", kToken + kErrorFrame + kErrorFrame, 1, false, std::nullopt, true, 400},
        StreamCase{"ErrorByName", "event: error\ndata: overloaded\n\n", 0, false, std::nullopt, true, 0},
        StreamCase{"NullUsageOnEveryFrame", token_with("\"usage\":null") + token_with("\"usage\" : null"), 2,
                   false},
        StreamCase{"ContinuousUsage",
                   token_with(R"("usage":{"prompt_tokens":9,"total_tokens":9,"completion_tokens":0})") +
                       token_with(R"("usage":{"prompt_tokens":9,"total_tokens":10,"completion_tokens":1})"),
                   2, false, Usage{9, 1, 10, 0}},
        StreamCase{"NullAfterUsageKeepsTheLast", kUsageFrame + token_with("\"usage\":null"), 1, false,
                   Usage{9, 3, 12, 0}},
        StreamCase{"TextThatLooksLikeUsage",
                   R"(data: {"choices":[{"delta":{"content":"\"usage\":{\"prompt_tokens\":1}"}}]})"
                   "\n\n"
                   R"(data: {"choices":[{"delta":{"content":"usage"}},{"delta":{"content":"error"}}]})"
                   "\n\n",
                   2, false},
        StreamCase{"NestedUsageAndError",
                   R"(data: {"choices":[{"usage":{"prompt_tokens":1},"error":{"code":1}}]})"
                   "\n\n",
                   1, false},
        StreamCase{"EmptyChoicesWithoutUsage", "data: {\"choices\":[],\"usage\":null}\n\n", 1, false},
        StreamCase{"NotJson", "data: \"usage\": {\n\ndata: hello\n\n", 2, false},
        StreamCase{"DoneInText", "data: x[DONE]\n\n", 1, false},
        StreamCase{"SpacedUsage", "data: {\"usage\" :\t{\"prompt_tokens\" : 1}, \"choices\" : [ ]}\n\n", 0,
                   false, Usage{1, 0, 1, 0}}),
    [](const auto& instance) { return instance.param.name; });

TEST(StreamUsage, CountsAnOversizeEventAsContent) {
  StreamUsage usage(64);
  usage.feed("data: " + std::string(100, 'x') + "\n\n:" + std::string(100, 'x') + "\n\n");
  EXPECT_EQ(usage.content_events(), 1u);
  EXPECT_EQ(usage.oversize_events(), 2u);
}

TEST(StreamUsage, ShowsEachFrameWithItsKind) {
  std::vector<FrameKind> kinds;
  StreamUsage usage;
  usage.feed(": c\n\n" + kToken + kUsageFrame + kErrorFrame + std::string(kSseDone),
             [&](const SseEvent&, const Frame& frame) { kinds.push_back(frame.kind); });
  EXPECT_EQ(kinds, (std::vector{FrameKind::kKeepAlive, FrameKind::kContent, FrameKind::kUsageOnly,
                                FrameKind::kError, FrameKind::kDone}));
}

TEST(InspectFrame, FindsUsageAtEveryOffsetOfTheVectors) {
  for (std::size_t pad = 0; pad < 70; ++pad) {
    const std::string data = "{\"a\":\"" + std::string(pad, 'x') + R"(","usage":{"prompt_tokens":1}})";
    SseEvent event;
    event.data = data;
    event.has_data = true;
    EXPECT_EQ(inspect_frame(event).usage, (Usage{1, 0, 1, 0})) << pad;
  }
}

}  // namespace
}  // namespace sluice::llm
