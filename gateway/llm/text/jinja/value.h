#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace sluice::jinja {

class Value;
using List = std::vector<Value>;

// Keeps the order of insertion, as Python's does; templates print it.
class Dict {
 public:
  using Entry = std::pair<std::string, Value>;

  const Value* find(std::string_view key) const;
  void set(std::string key, Value value);
  const std::vector<Entry>& entries() const noexcept { return entries_; }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const noexcept { return std::hash<std::string_view>{}(key); }
  };

  std::size_t position_of(std::string_view key) const;  // entries_.size() if it is not there

  std::vector<Entry> entries_;
  // Where each key is; kept only once a search through the entries would be slow.
  std::unordered_map<std::string, std::size_t, Hash, std::equal_to<>> index_;
};

struct Undefined {
  std::string name;  // what was looked up, for messages
};

// A mutable bag of names, the one thing an inner scope of a template may change.
struct Namespace {
  Dict values;
};

// A function a template can call by name.
struct Function {
  std::string name;
};

// A value of the template language: immutable but for namespaces, cheap to copy. Lists and dictionaries are
// shared. Nesting (kDeepest) and size (kHeaviest) are limited, so that no walk over a value, nor its
// destruction, can exhaust the stack or take for ever: parts are shared, so a few assignments could build a
// value whose print is endless. A constructor that would exceed them throws std::invalid_argument.
class Value {
 public:
  static constexpr int kDeepest = 100;
  static constexpr std::uint32_t kHeaviest = 1U << 20;

  Value() : data_(Undefined{}) {}
  Value(std::nullptr_t) : data_(nullptr) {}
  Value(bool value) : data_(value) {}
  Value(int value) : data_(std::int64_t{value}) {}
  Value(std::int64_t value) : data_(value) {}
  Value(double value) : data_(value) {}
  Value(const char* text) : Value(std::string(text)) {}
  Value(std::string_view text) : Value(std::string(text)) {}
  Value(std::string text);
  Value(List list);
  Value(Dict dict);
  Value(Undefined undefined) : data_(std::move(undefined)) {}
  Value(Function function) : data_(std::move(function)) {}
  Value(std::shared_ptr<Namespace> names) : data_(std::move(names)) {}

  bool is_undefined() const { return std::holds_alternative<Undefined>(data_); }
  bool is_none() const { return std::holds_alternative<std::nullptr_t>(data_); }
  const bool* boolean() const { return std::get_if<bool>(&data_); }
  const std::int64_t* integer() const { return std::get_if<std::int64_t>(&data_); }
  const double* real() const { return std::get_if<double>(&data_); }
  const std::string* text() const { return pointee<const std::string>(); }
  const List* list() const { return pointee<const List>(); }
  const Dict* dict() const { return pointee<const Dict>(); }
  Namespace* names() const { return pointee<Namespace>(); }
  const Function* function() const { return std::get_if<Function>(&data_); }
  const Undefined* undefined() const { return std::get_if<Undefined>(&data_); }

  bool is_number() const { return integer() || real() || boolean(); }
  double number() const;  // of a number; 0 otherwise
  bool truthy() const;
  int depth() const noexcept { return depth_; }
  // What walking over all of it costs: one for each value in it and for each 64 bytes of text.
  std::uint32_t weight() const noexcept { return weight_; }
  std::string_view type_name() const;

 private:
  void include(const Value& part);

  template <class T>
  T* pointee() const {
    const auto* shared = std::get_if<std::shared_ptr<T>>(&data_);
    return shared ? shared->get() : nullptr;
  }

  std::variant<Undefined, std::nullptr_t, bool, std::int64_t, double, std::shared_ptr<const std::string>,
               std::shared_ptr<const List>, std::shared_ptr<const Dict>, std::shared_ptr<Namespace>, Function>
      data_;
  int depth_ = 0;
  std::uint32_t weight_ = 1;
};

bool equal(const Value& a, const Value& b);

// Python's str() and repr(). They and to_json throw std::invalid_argument for what exceeds kHeaviest when
// printed.
std::string to_text(const Value& value);
std::string representation(const Value& value);

struct JsonStyle {
  int indent = -1;  // spaces per level; below 0: on one line
  std::string item_separator = ", ";
  std::string key_separator = ": ";
  bool sort_keys = false;
  bool ascii = false;  // write other characters as \u escapes
};

// Python's json.dumps. Throws std::invalid_argument for what JSON cannot hold.
std::string to_json(const Value& value, const JsonStyle& style = {});

}  // namespace sluice::jinja
