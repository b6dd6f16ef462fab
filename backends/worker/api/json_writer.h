#pragma once

#include <fmt/format.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "gateway/base/json_escape.h"

namespace sluice::worker {

// Appends compact JSON to a string and sees to the commas. Keys are literals without anything to escape;
// values may be any bytes, what is not UTF-8 becomes U+FFFD.
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) noexcept : out_(out) {}

  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void end_array() { close(']'); }

  void key(std::string_view name) {
    separate();
    out_.append("\"").append(name).append("\":");
    first_ = true;  // no comma in front of the value
  }

  // A key that may be any text.
  void text_key(std::string_view name) {
    value(name);
    out_ += ':';
    first_ = true;
  }

  void value(std::nullptr_t) { bare("null"); }
  void value(bool flag) { bare(flag ? "true" : "false"); }
  template <std::integral Number>
  void value(Number number) {
    bare(std::to_string(number));
  }
  // Must be finite.
  void value(float number) { bare(fmt::format("{}", number)); }
  void value(std::string_view text) {
    separate();
    out_ += '"';
    json_escape(text, out_);
    out_ += '"';
  }
  void value(const std::string& text) { value(std::string_view(text)); }
  void value(const char* text) { value(std::string_view(text)); }
  void value(std::span<const std::int32_t> numbers) {
    begin_array();
    for (const std::int32_t number : numbers)
      value(number);
    end_array();
  }
  template <class T>
  void value(const std::optional<T>& maybe) {
    if (maybe) {
      value(*maybe);
    } else {
      value(nullptr);
    }
  }

  template <class T>
  void member(std::string_view name, const T& content) {
    key(name);
    value(content);
  }

 private:
  void separate() {
    if (!first_) out_ += ',';
    first_ = false;
  }
  void open(char bracket) {
    separate();
    out_ += bracket;
    first_ = true;
  }
  void close(char bracket) {
    out_ += bracket;
    first_ = false;
  }
  void bare(std::string_view text) {
    separate();
    out_ += text;
  }

  std::string& out_;
  bool first_ = true;
};

}  // namespace sluice::worker
