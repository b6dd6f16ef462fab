#include "gateway/llm/text/jinja/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <stdexcept>

#include "gateway/llm/text/utf8.h"

namespace sluice::jinja {
namespace {

constexpr std::size_t kIndexFrom = 16;  // entries
constexpr std::size_t kBytesPerWeight = 64;

std::uint32_t limited(std::size_t weight) {
  if (weight > Value::kHeaviest) throw std::invalid_argument("a value is too large");
  return static_cast<std::uint32_t>(weight);
}

// Python prints the shortest digits that read back the same, with a ".0" on whole numbers.
std::string real_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  const double magnitude = std::abs(value);
  const bool fixed = magnitude == 0 || (magnitude >= 1e-4 && magnitude < 1e16);
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), value,
                                 fixed ? std::chars_format::fixed : std::chars_format::scientific);
  std::string text(buffer, end.ptr);
  if (fixed && text.find('.') == text.npos) text += ".0";
  return text;
}

std::string escape_sequence(char32_t code_point) {
  if (code_point < 0x10000) return fmt::format("\\u{:04x}", static_cast<unsigned>(code_point));
  const auto offset = static_cast<unsigned>(code_point) - 0x10000U;
  return fmt::format("\\u{:04x}\\u{:04x}", 0xD800U + (offset >> 10), 0xDC00U + (offset & 0x3FFU));
}

std::string json_string(std::string_view text, bool ascii) {
  std::string out = "\"";
  for (std::size_t position = 0; position < text.size();) {
    const std::size_t begin = position;
    const char32_t c = text::next_code_point(text, position);
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      default:
        if (c < 0x20 || (ascii && c > 0x7E)) {
          out += escape_sequence(c);
        } else {
          out += text.substr(begin, position - begin);
        }
    }
  }
  return out + '"';
}

void write_json(const Value& value, const JsonStyle& style, int level, std::string& out);

// A value of allowed size can be many times larger when it is printed: escapes, and the indentation of each
// item.
void check_printed(const std::string& out) {
  limited(out.size() / kBytesPerWeight);
}

void write_break(const JsonStyle& style, int level, std::string& out) {
  if (style.indent < 0) return;
  out += '\n';
  out.append(static_cast<std::size_t>(style.indent) * static_cast<std::size_t>(level), ' ');
}

void write_list(const List& list, const JsonStyle& style, int level, std::string& out) {
  out += '[';
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (i > 0) out += style.item_separator;
    write_break(style, level + 1, out);
    write_json(list[i], style, level + 1, out);
  }
  if (!list.empty()) write_break(style, level, out);
  out += ']';
}

void write_dict(const Dict& dict, const JsonStyle& style, int level, std::string& out) {
  std::vector<const Dict::Entry*> entries;
  for (const Dict::Entry& entry : dict.entries())
    entries.push_back(&entry);
  if (style.sort_keys) std::ranges::sort(entries, {}, [](const Dict::Entry* entry) { return entry->first; });
  out += '{';
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (i > 0) out += style.item_separator;
    write_break(style, level + 1, out);
    out += json_string(entries[i]->first, style.ascii) + style.key_separator;
    write_json(entries[i]->second, style, level + 1, out);
  }
  if (!entries.empty()) write_break(style, level, out);
  out += '}';
}

void write_json(const Value& value, const JsonStyle& style, int level, std::string& out) {
  check_printed(out);
  if (const std::string* text = value.text()) {
    out += json_string(*text, style.ascii);
  } else if (const List* list = value.list()) {
    write_list(*list, style, level, out);
  } else if (const Dict* dict = value.dict()) {
    write_dict(*dict, style, level, out);
  } else if (const bool* flag = value.boolean()) {
    out += *flag ? "true" : "false";
  } else if (value.is_none()) {
    out += "null";
  } else if (value.is_number()) {
    out += to_text(value);
  } else {
    throw std::invalid_argument(
        fmt::format("a value of type {} is not JSON serializable", value.type_name()));
  }
}

void write_representation(const Value& value, std::string& out) {
  check_printed(out);
  if (const std::string* text = value.text()) {
    const char quote = text->contains('\'') && !text->contains('"') ? '"' : '\'';
    out += quote;
    for (const char c : *text) {
      if (c == quote || c == '\\') out += '\\';
      if (c == '\n') {
        out += "\\n";
      } else if (c == '\t') {
        out += "\\t";
      } else if (c == '\r') {
        out += "\\r";
      } else {
        out += c;
      }
    }
    out += quote;
  } else if (const List* list = value.list()) {
    out += '[';
    for (const Value& item : *list) {
      if (&item != list->data()) out += ", ";
      write_representation(item, out);
    }
    out += ']';
  } else if (const Dict* dict = value.dict()) {
    out += '{';
    for (const auto& [key, item] : dict->entries()) {
      if (&key != &dict->entries().front().first) out += ", ";
      write_representation(key, out);
      out += ": ";
      write_representation(item, out);
    }
    out += '}';
  } else {
    out += to_text(value);
  }
}

}  // namespace

std::size_t Dict::position_of(std::string_view key) const {
  if (!index_.empty()) {
    const auto found = index_.find(key);
    return found == index_.end() ? entries_.size() : found->second;
  }
  const auto found = std::ranges::find(entries_, key, &Entry::first);
  return static_cast<std::size_t>(found - entries_.begin());
}

const Value* Dict::find(std::string_view key) const {
  const std::size_t position = position_of(key);
  return position == entries_.size() ? nullptr : &entries_[position].second;
}

void Dict::set(std::string key, Value value) {
  if (const std::size_t position = position_of(key); position < entries_.size()) {
    entries_[position].second = std::move(value);
    return;
  }
  entries_.emplace_back(std::move(key), std::move(value));
  if (entries_.size() == kIndexFrom) {
    for (std::size_t i = 0; i < kIndexFrom; ++i)
      index_.emplace(entries_[i].first, i);
  } else if (entries_.size() > kIndexFrom) {
    index_.emplace(entries_.back().first, entries_.size() - 1);
  }
}

Value::Value(std::string text) : weight_(limited(1 + text.size() / kBytesPerWeight)) {
  data_ = std::make_shared<const std::string>(std::move(text));
}

Value::Value(List list) {
  for (const Value& item : list)
    include(item);
  data_ = std::make_shared<const List>(std::move(list));
}

Value::Value(Dict dict) {
  for (const auto& [key, item] : dict.entries())
    include(item);
  data_ = std::make_shared<const Dict>(std::move(dict));
}

void Value::include(const Value& part) {
  // A namespace inside a value could hold that value: a cycle that would never be freed and never end
  // printing.
  if (part.names() != nullptr) throw std::invalid_argument("a namespace cannot be stored in another value");
  if (part.depth_ >= kDeepest) throw std::invalid_argument("values are nested too deeply");
  depth_ = std::max(depth_, part.depth_ + 1);
  weight_ = limited(std::size_t{weight_} + part.weight_);
}

double Value::number() const {
  if (const auto* value = integer()) return static_cast<double>(*value);
  if (const auto* value = boolean()) return *value ? 1 : 0;
  if (const auto* value = real()) return *value;
  return 0;
}

bool Value::truthy() const {
  if (is_number()) return number() != 0;
  if (const std::string* value = text()) return !value->empty();
  if (const List* value = list()) return !value->empty();
  if (const Dict* value = dict()) return !value->entries().empty();
  return names() != nullptr || function() != nullptr;
}

std::string_view Value::type_name() const {
  constexpr std::string_view kNames[] = {"Undefined", "NoneType", "bool", "int",       "float",
                                         "str",       "list",     "dict", "Namespace", "function"};
  return kNames[data_.index()];
}

bool equal(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) {
    if (a.integer() && b.integer()) return *a.integer() == *b.integer();
    return a.number() == b.number();
  }
  if (a.text() && b.text()) return *a.text() == *b.text();
  if (a.list() && b.list()) return std::ranges::equal(*a.list(), *b.list(), equal);
  if (a.dict() && b.dict()) {
    const auto& entries = a.dict()->entries();
    return entries.size() == b.dict()->entries().size() &&
           std::ranges::all_of(entries, [&](const Dict::Entry& entry) {
             const Value* other = b.dict()->find(entry.first);
             return other != nullptr && equal(entry.second, *other);
           });
  }
  if (a.names() || b.names()) return a.names() == b.names();
  return (a.is_none() && b.is_none()) || (a.is_undefined() && b.is_undefined());
}

std::string to_text(const Value& value) {
  if (const std::string* text = value.text()) return *text;
  if (const bool* flag = value.boolean()) return *flag ? "True" : "False";
  if (const auto* integer = value.integer()) return std::to_string(*integer);
  if (const double* real = value.real()) return real_text(*real);
  if (value.is_none()) return "None";
  if (value.is_undefined()) return {};
  if (!value.list() && !value.dict())
    throw std::invalid_argument(fmt::format("a {} cannot be printed", value.type_name()));
  return representation(value);
}

std::string representation(const Value& value) {
  std::string out;
  write_representation(value, out);
  return out;
}

std::string to_json(const Value& value, const JsonStyle& style) {
  std::string out;
  write_json(value, style, 0, out);
  return out;
}

}  // namespace sluice::jinja
