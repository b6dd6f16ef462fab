#include <gtest/gtest.h>
#include <simdjson.h>

#include <random>
#include <string>
#include <vector>

#include "gateway/llm/request_view.h"

namespace sluice::llm {
namespace {

// Documents as lists of tokens, so that a mutation changes the structure and never the inside of a token.
// Member names are numbered: a duplicate would be refused for another reason than the grammar.
class Documents {
 public:
  explicit Documents(std::uint32_t seed) : random_(seed) {}

  std::vector<std::string> document() {
    std::vector<std::string> tokens;
    object(tokens, 4);
    return tokens;
  }

  void mutate(std::vector<std::string>& tokens) {
    static const std::vector<std::string> kTokens = {"{", "}", "[", "]", ":", ",", "1", "\"s\"", "null"};
    const std::size_t at = below(tokens.size());
    const auto place = tokens.begin() + static_cast<std::ptrdiff_t>(at);
    switch (below(4)) {
      case 0:
        tokens.erase(place);
        break;
      case 1:
        tokens.insert(place, kTokens[below(kTokens.size())]);
        break;
      case 2:
        *place = kTokens[below(kTokens.size())];
        break;
      default:
        std::swap(tokens[at], tokens[below(tokens.size())]);
    }
    if (tokens.empty()) tokens.emplace_back("{");
  }

  std::size_t below(std::size_t n) { return random_() % n; }

 private:
  void value(std::vector<std::string>& tokens, int depth) {
    static const std::vector<std::string> kScalars = {"1", "-2.5e3", "\"a\\\"]\"", "true", "false", "null"};
    const std::size_t kind = below(depth > 0 ? 5 : 3);
    if (kind < 3) {
      tokens.push_back(kScalars[below(kScalars.size())]);
    } else if (kind == 3) {
      array(tokens, depth - 1);
    } else {
      object(tokens, depth - 1);
    }
  }

  void array(std::vector<std::string>& tokens, int depth) {
    tokens.emplace_back("[");
    for (std::size_t i = 0, n = below(6); i < n; ++i) {
      if (i > 0) tokens.emplace_back(",");
      value(tokens, depth);
    }
    tokens.emplace_back("]");
  }

  void object(std::vector<std::string>& tokens, int depth) {
    tokens.emplace_back("{");
    for (std::size_t i = 0, n = below(4); i < n; ++i) {
      if (i > 0) tokens.emplace_back(",");
      tokens.push_back("\"k" + std::to_string(names_++) + "\"");
      tokens.emplace_back(":");
      value(tokens, depth);
    }
    tokens.emplace_back("}");
  }

  std::mt19937 random_;
  int names_ = 0;
};

TEST(RequestViewGrammar, AcceptsExactlyTheObjectsThatAFullParserAccepts) {
  Documents documents(99);
  RequestParser parser;
  simdjson::dom::parser full;
  int accepted = 0;
  int refused = 0;
  for (int round = 0; round < 20000; ++round) {
    std::vector<std::string> tokens = documents.document();
    for (std::size_t n = documents.below(3); n > 0; --n)
      documents.mutate(tokens);
    std::string text;
    for (const std::string& token : tokens) {
      text += token;
      // White space between all tokens keeps "1" and "1" apart.
      text += documents.below(4) == 0 ? "\r\n\t " : " ";
    }
    BodyBuffer body(1 << 20);
    ASSERT_TRUE(body.append(text));
    const bool expected = full.parse(simdjson::padded_string(text)).is_object();
    const auto request = parser.parse(body);
    // A mutation may repeat a name; the full parser does not mind.
    if (!request && request.error().detail().starts_with("Duplicate")) continue;
    ASSERT_EQ(request.has_value(), expected) << text << '\n' << (request ? "" : request.error().detail());
    ++(expected ? accepted : refused);
  }
  EXPECT_GT(accepted, 2000);
  EXPECT_GT(refused, 2000);
}

}  // namespace
}  // namespace sluice::llm
