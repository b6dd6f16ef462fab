#include "backends/worker/api/answer_text.h"

#include <gtest/gtest.h>

#include "tests/backends/worker/api/byte_model.h"

namespace sluice::worker {
namespace {

class AnswerTextTest : public ::testing::Test {
 protected:
  AnswerText make(TextOptions options = {}) {
    options_ = std::move(options);
    return {model_.tokenizer, options_, model_.eos_token};
  }

  const ServedModel model_ = byte_model();
  TextOptions options_;
  std::string out_;
};

TEST_F(AnswerTextTest, ACharacterThatIsCutIntoTokensComesWhole) {
  AnswerText text = make();
  const auto tokens = bytes_as_tokens("a\xf0\x9f\x98\x80");
  for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
    text.accept(std::span(tokens).subspan(i, 1), FinishReason::kNone, -1, out_);
    EXPECT_EQ(out_, "a");
  }
  text.accept(std::span(tokens).last(1), FinishReason::kLength, -1, out_);
  EXPECT_EQ(out_, "a\xf0\x9f\x98\x80");
  EXPECT_EQ(text.ending()->finish_reason, "length");
  EXPECT_EQ(text.tokens(), 5);
}

TEST_F(AnswerTextTest, ACharacterThatStaysIncompleteIsShownAsReplaced) {
  AnswerText text = make();
  text.accept(bytes_as_tokens("a\xf0\x9f"), FinishReason::kLength, -1, out_);
  EXPECT_EQ(out_, "a\xef\xbf\xbd");
}

TEST_F(AnswerTextTest, TheEndOfSequenceHasNoTextAndNoStopReason) {
  AnswerText text = make({.skip_special_tokens = false});
  text.accept(std::vector<std::int32_t>{'h', 'i', kEndToken}, FinishReason::kStop, -1, out_);
  EXPECT_EQ(out_, "hi");
  EXPECT_EQ(text.ending()->finish_reason, "stop");
  EXPECT_FALSE(text.ending()->stop_token);
  EXPECT_EQ(text.tokens(), 3);
}

TEST_F(AnswerTextTest, AFurtherEndOfSequenceTokenIsTheStopReason) {
  AnswerText text = make();
  text.accept(std::vector<std::int32_t>{'h', kTurnToken}, FinishReason::kStop, -1, out_);
  EXPECT_EQ(text.ending()->stop_token, kTurnToken);
}

TEST_F(AnswerTextTest, AStopTokenIsTheStopReasonAndItsTextIsKeptOnlyOnRequest) {
  for (const bool keep : {false, true}) {
    AnswerText text = make({.include_stop = keep});
    std::string out;
    text.accept(std::vector<std::int32_t>{'h', 'i'}, FinishReason::kStop, 'i', out);
    EXPECT_EQ(out, keep ? "hi" : "h");
    EXPECT_EQ(text.ending()->stop_token, 'i');
  }
}

TEST_F(AnswerTextTest, AStopStringEndsTheAnswerAndTheTokensBehindItAreNotPartOfIt) {
  AnswerText text = make({.stop = {"b"}});
  EXPECT_EQ(text.accept(bytes_as_tokens("abcd"), FinishReason::kNone, -1, out_), 2u);
  EXPECT_EQ(out_, "a");
  EXPECT_EQ(text.ending()->stop_text, "b");
  EXPECT_EQ(text.tokens(), 2);
}

TEST_F(AnswerTextTest, AStopStringInTheLastTokenWinsOverTheLength) {
  AnswerText text = make({.stop = {"b"}});
  text.accept(bytes_as_tokens("ab"), FinishReason::kLength, -1, out_);
  EXPECT_EQ(text.ending()->finish_reason, "stop");
}

TEST_F(AnswerTextTest, NoStopStringIsFoundInTheFirstMinTokens) {
  AnswerText text = make({.stop = {"b"}, .min_tokens = 2});
  text.accept(bytes_as_tokens("abab"), FinishReason::kNone, -1, out_);
  EXPECT_EQ(out_, "aba");
  EXPECT_EQ(text.tokens(), 4);
}

TEST_F(AnswerTextTest, WhatWasHeldBackForAStopStringComesAtTheEnd) {
  AnswerText text = make({.stop = {"stop"}});
  text.accept(bytes_as_tokens("a sto"), FinishReason::kNone, -1, out_);
  EXPECT_EQ(out_, "a ");
  text.accept({}, FinishReason::kAborted, -1, out_);
  EXPECT_EQ(out_, "a sto");
  EXPECT_EQ(text.ending()->finish_reason, "abort");
}

}  // namespace
}  // namespace sluice::worker
