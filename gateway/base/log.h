#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };

std::string_view name(LogLevel level) noexcept;

// One key and value of a log line. Keys are literals in snake_case; the value is borrowed for the call when
// it is text, and kept as text when it is a number. Never a key, a prompt or a header's value.
class LogField {
 public:
  LogField(std::string_view key, std::string_view text) : key_(key), text_(text) {}
  LogField(std::string_view key, const char* text) : LogField(key, std::string_view(text)) {}
  LogField(std::string_view key, const std::string& text) : LogField(key, std::string_view(text)) {}
  template <class Number>
    requires std::integral<Number> || std::floating_point<Number>
  LogField(std::string_view key, Number value) : key_(key), bare_(true), number_(to_text(value)) {}

  std::string_view key() const noexcept { return key_; }
  std::string_view value() const noexcept { return bare_ ? number_ : text_; }
  // The value is a JSON number, true or false: it is written without quotes.
  bool bare() const noexcept { return bare_; }

 private:
  static std::string to_text(bool value) { return value ? "true" : "false"; }
  static std::string to_text(double value);
  template <std::integral Number>
  static std::string to_text(Number value) {
    return std::to_string(value);
  }

  std::string_view key_;
  std::string_view text_;
  bool bare_ = false;
  std::string number_;
};

// The operator's log: what went wrong with the gateway itself, its configuration or its backends. One line
// for an event that needs a human's eye; what happens with every request belongs in the access log and in
// metrics. Passed by constructor. The sink decides between JSON and plain text.
//
//   log.warning("endpoint ejected", {{"cluster", name}, {"endpoint", address.to_string()}, {"failures", 5}});
//
// Threads: any. It never blocks and never fails: what cannot be written is dropped and counted by the sink.
class Log {
 public:
  virtual ~Log() = default;

  virtual void write(LogLevel level, std::string_view text, std::span<const LogField> fields) noexcept = 0;

  using Fields = std::initializer_list<LogField>;
  void debug(std::string_view text, Fields fields = {}) noexcept { write(LogLevel::kDebug, text, fields); }
  void info(std::string_view text, Fields fields = {}) noexcept { write(LogLevel::kInfo, text, fields); }
  void warning(std::string_view text, Fields fields = {}) noexcept {
    write(LogLevel::kWarning, text, fields);
  }
  void error(std::string_view text, Fields fields = {}) noexcept { write(LogLevel::kError, text, fields); }
};

// Says nothing.
class NullLog final : public Log {
 public:
  void write(LogLevel, std::string_view, std::span<const LogField>) noexcept override {}
};

// Keeps every line, for tests, as `warning: text key=value`.
class MemoryLog final : public Log {
 public:
  void write(LogLevel level, std::string_view text, std::span<const LogField> fields) noexcept override;
  std::vector<std::string> lines() const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;  // guarded by mutex_
};

}  // namespace sluice
