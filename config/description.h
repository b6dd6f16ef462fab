#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "config/config.h"
#include "config/problems.h"
#include "config/text_rule.h"

// One description per struct, from which the reader, the effective-config print, the JSON Schema and the
// reference are all made. To add a key: a member in `config.h` and one `fields.add(...)` line in
// `describe.cc`. To add a section: its struct, a `describe` function, and one line in the struct around it.
// A `describe` that stands in another file is declared in the header of its struct.
//
// Descriptions are plain data (Struct, Field, Type) that work on `void*`, so that the four users are ordinary
// functions with a switch over `Type::Kind`; templates only turn a member into such data.
namespace sluice::config {

struct Struct;

// How one member is written in YAML.
struct Type {
  enum class Kind : std::uint8_t {
    kFlag,
    kCount,
    kSize,
    kDuration,
    kShare,
    kText,
    kChoice,
    kAddress,
    kStruct,
    kList,
    kOptional
  };

  Kind kind = Kind::kText;

  // kFlag, kCount, kSize, kDuration, kShare, kChoice: the member as a number, and its range.
  std::int64_t (*get)(const void* value) = nullptr;
  void (*set)(void* value, std::int64_t number) = nullptr;
  std::int64_t min = 0;
  std::int64_t max = 0;

  std::vector<std::string_view> choices = {};  // kChoice, in the order of the enumerators
  const TextRule* rule = &kAnyText;            // kText
  const Struct& (*record)() = nullptr;         // kStruct

  // kList and kOptional, which is a list of at most one without brackets.
  std::unique_ptr<Type> element = {};
  std::size_t min_items = 0;
  std::size_t max_items = 1;
  bool one_or_many = false;  // a list of one may be written without brackets
  void* (*append)(void* list) = nullptr;
  std::size_t (*size)(const void* list) = nullptr;
  const void* (*at)(const void* list, std::size_t index) = nullptr;

  // The type that a range or a rule is about: the innermost element of lists and optionals.
  Type& innermost() { return element ? element->innermost() : *this; }
};

struct Field {
  std::string_view name;
  std::string_view doc;
  bool required = false;
  bool first = false;  // read before the others, which inherit from it
  Type type = {};
  std::function<void*(void*)> member = {};  // from the struct to the member

  const void* member_of(const void* object) const { return member(const_cast<void*>(object)); }
};

// The struct at `path` while its checks run. Fields are named as in the file.
class Scope {
 public:
  Scope(Problems& problems, std::string path) : problems_(problems), path_(std::move(path)) {}

  // False where the field had an error of its own: its value means nothing.
  bool usable(std::string_view field) const { return !problems_.failed(join_path(path_, field)); }
  bool is_set(std::string_view field) const { return problems_.is_placed(join_path(path_, field)); }
  void error(std::string_view field, std::string message) const {
    problems_.error(join_path(path_, field), std::move(message));
  }
  // The struct at another path of the file: one that this inherits from.
  Scope elsewhere(std::string path) const { return Scope(problems_, std::move(path)); }

 private:
  Problems& problems_;
  std::string path_;
};

struct Content {
  std::string_view field;
  std::function<std::string(const void*)> fingerprint;  // of the object; empty where the file was not read
};

struct Struct {
  std::string_view name;  // of the C++ type: a `$defs` name in the schema
  std::string_view doc;
  std::vector<Field> fields = {};
  // What a file named by a field holds: part of the configuration, written nowhere in it.
  std::vector<Content> contents = {};
  std::vector<std::function<void(const void*, const Scope&)>> checks = {};
  // Gives a new object what it has from the document's root where the file says nothing.
  std::function<void(void* object, const void* root)> inherit = {};
  std::shared_ptr<const void> defaults = {};
  bool names_secret = false;  // a text in its place is likely the secret itself: no diagnostic repeats it
};

template <class S>
class Fields;

// The description of S, made once from `describe(Fields<S>&)`, which lives beside S in this namespace.
template <class S>
const Struct& struct_of() {
  static const Struct made = [] {
    Fields<S> fields;
    describe(fields);
    return std::move(fields).take();
  }();
  return made;
}

namespace internal {

template <class V>
inline constexpr bool is_optional = false;
template <class V>
inline constexpr bool is_optional<std::optional<V>> = true;
template <class V>
inline constexpr bool is_list = false;
template <class V>
inline constexpr bool is_list<std::vector<V>> = true;

template <class V>
std::int64_t get_number(const void* value) {
  if constexpr (std::same_as<V, Duration>) {
    return static_cast<const Duration*>(value)->count();
  } else {
    return static_cast<std::int64_t>(*static_cast<const V*>(value));
  }
}

template <class V>
void set_number(void* value, std::int64_t number) {
  *static_cast<V*>(value) = static_cast<V>(number);
}

template <class V>
Type number_type(Type::Kind kind) {
  return {.kind = kind, .get = get_number<V>, .set = set_number<V>};
}

template <class V>
Type type_of();

template <class V>
Type container_type(Type::Kind kind) {
  Type type{.kind = kind, .element = std::make_unique<Type>(type_of<typename V::value_type>())};
  type.append = [](void* list) -> void* {
    if constexpr (is_optional<V>) {
      return &static_cast<V*>(list)->emplace();
    } else {
      return &static_cast<V*>(list)->emplace_back();
    }
  };
  type.size = [](const void* list) -> std::size_t {
    if constexpr (is_optional<V>) {
      return static_cast<const V*>(list)->has_value() ? 1 : 0;
    } else {
      return static_cast<const V*>(list)->size();
    }
  };
  type.at = [](const void* list, std::size_t index) -> const void* {
    if constexpr (is_optional<V>) {
      return &**static_cast<const V*>(list);
    } else {
      return &(*static_cast<const V*>(list))[index];
    }
  };
  return type;
}

template <class V>
Type type_of() {
  using Kind = Type::Kind;
  if constexpr (is_optional<V>) {
    return container_type<V>(Kind::kOptional);
  } else if constexpr (is_list<V>) {
    return container_type<V>(Kind::kList);
  } else if constexpr (std::same_as<V, bool>) {
    return number_type<V>(Kind::kFlag);
  } else if constexpr (std::same_as<V, Duration>) {
    return number_type<V>(Kind::kDuration);
  } else if constexpr (std::integral<V>) {
    return number_type<V>(Kind::kCount);
  } else if constexpr (std::is_enum_v<V>) {
    Type type = number_type<V>(Kind::kChoice);
    for (const std::string_view choice : choices(V{}))
      type.choices.push_back(choice);
    return type;
  } else if constexpr (std::same_as<V, std::string>) {
    return {.kind = Kind::kText};
  } else if constexpr (std::same_as<V, Address>) {
    return {.kind = Kind::kAddress};
  } else {
    return {.kind = Kind::kStruct, .record = struct_of<V>};
  }
}

}  // namespace internal

// What may follow `fields.add(...)` on its line.
class FieldEditor {
 public:
  explicit FieldEditor(Field& field) : field_(field) {}

  FieldEditor& required() {
    field_.required = true;
    return *this;
  }
  // Inclusive; every number has one.
  FieldEditor& range(std::int64_t min, std::int64_t max) {
    field_.type.innermost().min = min;
    field_.type.innermost().max = max;
    return *this;
  }
  FieldEditor& range(Duration min, Duration max) { return range(min.count(), max.count()); }
  FieldEditor& rule(const TextRule& rule) {
    field_.type.innermost().rule = &rule;
    return *this;
  }
  // Inclusive; every list has one.
  FieldEditor& items(std::size_t min, std::size_t max) {
    field_.type.min_items = min;
    field_.type.max_items = max;
    return *this;
  }
  FieldEditor& first() {
    field_.first = true;
    return *this;
  }
  FieldEditor& one_or_many() {
    field_.type.one_or_many = true;
    return *this;
  }

 private:
  Field& field_;
};

template <class S>
class Fields {
 public:
  Fields() { struct_.defaults = std::make_shared<const S>(); }

  void about(std::string_view name, std::string_view doc) {
    struct_.name = name;
    struct_.doc = doc;
  }

  template <class V>
  FieldEditor add(std::string_view name, V S::* member, std::string_view doc) {
    auto to_member = [member](void* object) -> void* { return &(static_cast<S*>(object)->*member); };
    struct_.fields.push_back(
        {.name = name, .doc = doc, .type = internal::type_of<V>(), .member = std::move(to_member)});
    return FieldEditor(struct_.fields.back());
  }

  // A number of bytes, which C++ cannot tell from a count.
  template <class V>
  FieldEditor add_size(std::string_view name, V S::* member, std::string_view doc) {
    FieldEditor editor = add(name, member, doc);
    struct_.fields.back().type.innermost().kind = Type::Kind::kSize;
    return editor;
  }

  // A share of a whole, in millionths, which C++ cannot tell from a count.
  template <class V>
  FieldEditor add_share(std::string_view name, V S::* member, std::string_view doc) {
    FieldEditor editor = add(name, member, doc);
    struct_.fields.back().type.innermost().kind = Type::Kind::kShare;
    return editor;
  }

  void names_secret() { struct_.names_secret = true; }

  // The member that keeps what the field's file holds.
  void add_content(std::string_view field, Certificates S::* member) {
    struct_.contents.push_back({field, [member](const void* object) {
                                  return std::string((static_cast<const S*>(object)->*member).fingerprint());
                                }});
  }

  // Runs on a new object before its fields are read, after those of the root that are read first.
  void inherit(void (*inherit)(S&, const Config&)) {
    struct_.inherit = [inherit](void* object, const void* root) {
      inherit(*static_cast<S*>(object), *static_cast<const Config*>(root));
    };
  }

  // Runs after the fields have been read, also where some had errors.
  void check(void (*check)(const S&, const Scope&)) {
    struct_.checks.push_back(
        [check](const void* object, const Scope& scope) { check(*static_cast<const S*>(object), scope); });
  }

  Struct take() && { return std::move(struct_); }

 private:
  Struct struct_;
};

}  // namespace sluice::config
