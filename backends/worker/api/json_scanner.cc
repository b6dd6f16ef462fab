#include "backends/worker/api/json_scanner.h"

namespace sluice::worker {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_hex_digit(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

}  // namespace

JsonPart JsonScanner::take(char c) {
  const JsonPart part = step(c);
  if (part == JsonPart::kMalformed) {
    token_ = Token::kNone;
    expect_ = Expect::kNothing;
  }
  return part;
}

JsonPart JsonScanner::step(char c) {
  if (token_ == Token::kNumber && !continue_number(c)) {
    if (!number_is_whole()) return JsonPart::kMalformed;
    end_token();  // `c` stands behind it
  } else if (token_ != Token::kNone) {
    const JsonPart part = token_part();
    return take_token(c) ? part : JsonPart::kMalformed;
  }
  return structure(c);
}

JsonPart JsonScanner::structure(char c) {
  if (expect_ == Expect::kNothing) return JsonPart::kMalformed;
  if (is_space(c)) return inside();
  switch (expect_) {
    case Expect::kObject:
      return c == '{' ? open(c) : JsonPart::kMalformed;
    case Expect::kFirstKey:
      if (c == '}') return close(c);
      [[fallthrough]];
    case Expect::kKey:
      if (c != '"') return JsonPart::kMalformed;
      token_ = Token::kString;
      key_ = true;
      return token_part();
    case Expect::kColon:
      if (c != ':') return JsonPart::kMalformed;
      expect_ = Expect::kValue;
      return inside();
    case Expect::kFirstItem:
      if (c == ']') return close(c);
      [[fallthrough]];
    case Expect::kValue:
      return begin_value(c);
    case Expect::kNext:
      if (c == '}' || c == ']') return close(c);
      if (c != ',') return JsonPart::kMalformed;
      expect_ = open_.back() == '{' ? Expect::kKey : Expect::kValue;
      return inside();
    case Expect::kNothing:
      break;
  }
  return JsonPart::kMalformed;
}

JsonPart JsonScanner::begin_value(char c) {
  key_ = false;
  if (c == '{' || c == '[') return open(c);
  if (c == '"') {
    token_ = Token::kString;
  } else if (c == '-' || is_digit(c)) {
    token_ = Token::kNumber;
    number_ = c == '-' ? Number::kMinus : c == '0' ? Number::kZero : Number::kInteger;
  } else if (c == 't' || c == 'f' || c == 'n') {
    token_ = Token::kLiteral;
    literal_ = c == 't' ? "rue" : c == 'f' ? "alse" : "ull";
  } else {
    return JsonPart::kMalformed;
  }
  return JsonPart::kValue;
}

JsonPart JsonScanner::open(char c) {
  if (open_.size() == kDeepest) return JsonPart::kMalformed;
  open_ += c;
  expect_ = c == '{' ? Expect::kFirstKey : Expect::kFirstItem;
  return inside();
}

JsonPart JsonScanner::close(char c) {
  if (open_.back() != (c == '}' ? '{' : '[')) return JsonPart::kMalformed;
  open_.pop_back();
  expect_ = open_.empty() ? Expect::kNothing : Expect::kNext;
  return open_.empty() ? JsonPart::kEnd : JsonPart::kValue;
}

// Takes a byte of the token under way, or the one that ends it; false if the token cannot go on so.
bool JsonScanner::take_token(char c) {
  switch (token_) {
    case Token::kLiteral:
      if (c != literal_.front()) return false;
      literal_.remove_prefix(1);
      if (literal_.empty()) end_token();
      return true;
    case Token::kNumber:
      return true;  // continue_number has taken it
    default:
      return take_string(c);
  }
}

bool JsonScanner::take_string(char c) {
  switch (token_) {
    case Token::kEscape:
      if (c == 'u') {
        token_ = Token::kHex;
        hex_digits_ = 4;
        return true;
      }
      token_ = Token::kString;
      return std::string_view(R"("\/bfnrt)").contains(c);
    case Token::kHex:
      if (--hex_digits_ == 0) token_ = Token::kString;
      return is_hex_digit(c);
    default:
      if (c == '\\') token_ = Token::kEscape;
      if (c == '"') end_token();
      return static_cast<unsigned char>(c) >= 0x20;
  }
}

bool JsonScanner::continue_number(char c) {
  const bool integer_ends = number_ == Number::kZero || number_ == Number::kInteger;
  Number next = number_;
  if (is_digit(c)) {
    switch (number_) {
      case Number::kZero:
        return false;
      case Number::kMinus:
        next = c == '0' ? Number::kZero : Number::kInteger;
        break;
      case Number::kPoint:
        next = Number::kFraction;
        break;
      case Number::kExponent:
      case Number::kExponentSign:
        next = Number::kExponentDigits;
        break;
      default:
        break;
    }
  } else if (c == '.' && integer_ends) {
    next = Number::kPoint;
  } else if ((c == 'e' || c == 'E') && (integer_ends || number_ == Number::kFraction)) {
    next = Number::kExponent;
  } else if ((c == '+' || c == '-') && number_ == Number::kExponent) {
    next = Number::kExponentSign;
  } else {
    return false;
  }
  number_ = next;
  return true;
}

bool JsonScanner::number_is_whole() const {
  return number_ == Number::kZero || number_ == Number::kInteger || number_ == Number::kFraction ||
         number_ == Number::kExponentDigits;
}

void JsonScanner::end_token() {
  token_ = Token::kNone;
  expect_ = key_ ? Expect::kColon : Expect::kNext;
}

}  // namespace sluice::worker
