#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sluice::worker {

// What a byte of an object is, seen from the outermost object.
enum class JsonPart {
  kBetween,    // its opening brace, its colons and commas, white space around them
  kKey,        // a key of its own, quotes included
  kValue,      // the value of such a key, whatever that holds
  kEnd,        // its closing brace
  kMalformed,  // no object goes on like this; so is every byte after it
};

// Follows the text of one JSON object (RFC 8259) byte by byte while it arrives, and says what each byte
// belongs to, so that a member can be passed on before the object is complete. Every object it calls ended is
// well-formed, but for two things that are not looked at: whether strings are UTF-8, and whether \u escapes
// pair up.
//
// Keeps one byte for each open bracket, at most kDeepest. Not shared between threads.
class JsonScanner {
 public:
  static constexpr std::size_t kDeepest =
      90;  // clients send arguments back, inside other values (Value::kDeepest)

  JsonPart take(char c);

 private:
  enum class Expect { kObject, kFirstKey, kKey, kColon, kFirstItem, kValue, kNext, kNothing };
  enum class Token { kNone, kString, kEscape, kHex, kLiteral, kNumber };
  enum class Number { kMinus, kZero, kInteger, kPoint, kFraction, kExponent, kExponentSign, kExponentDigits };

  JsonPart step(char c);
  JsonPart structure(char c);
  JsonPart begin_value(char c);
  JsonPart open(char c);
  JsonPart close(char c);
  bool take_token(char c);
  bool take_string(char c);
  bool continue_number(char c);
  bool number_is_whole() const;
  void end_token();
  JsonPart token_part() const { return key_ && open_.size() == 1 ? JsonPart::kKey : JsonPart::kValue; }
  JsonPart inside() const { return open_.size() > 1 ? JsonPart::kValue : JsonPart::kBetween; }

  std::string open_;  // the brackets that are open, outermost first
  Expect expect_ = Expect::kObject;
  Token token_ = Token::kNone;
  Number number_ = Number::kMinus;
  std::string_view literal_;  // what is still to come of true, false or null
  int hex_digits_ = 0;        // still to come of a \u escape
  bool key_ = false;          // the string under way is a key
};

}  // namespace sluice::worker
