#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "gateway/llm/text/jinja/builtins.h"
#include "gateway/llm/text/jinja/text_functions.h"
#include "gateway/llm/text/utf8.h"

namespace sluice::jinja {
namespace {

constexpr auto kDictMethods = std::to_array<std::string_view>({"get", "items", "keys", "values"});
constexpr auto kTextMethods = std::to_array<std::string_view>(
    {"capitalize", "count",        "endswith",     "find",       "index", "isalnum",    "isalpha",
     "isdigit",    "islower",      "isspace",      "isupper",    "join",  "lower",      "lstrip",
     "partition",  "removeprefix", "removesuffix", "replace",    "rfind", "rpartition", "rsplit",
     "rstrip",     "split",        "splitlines",   "startswith", "strip", "title",      "upper"});

[[noreturn]] void refuse(const std::string& what) {
  throw std::invalid_argument(what);
}

const std::string& text_argument(const Arguments& arguments, std::size_t position, std::string_view method) {
  if (position >= arguments.values.size() || !arguments.values[position].text()) {
    refuse(fmt::format("{} needs a string", method));
  }
  return *arguments.values[position].text();
}

Value strip(const std::string& text, Side side, const Arguments& arguments) {
  const Value characters = arguments.get(0, "chars");
  return characters.text() ? stripped(text, side, *characters.text()) : stripped(text, side);
}

List to_list(std::vector<std::string> parts) {
  List list;
  for (std::string& part : parts)
    list.emplace_back(std::move(part));
  return list;
}

Value split(const std::string& text, const Arguments& arguments) {
  const Value separator = arguments.get(0, "sep");
  const Value most = arguments.get(1, "maxsplit");
  const std::int64_t limit = most.integer() ? *most.integer() : -1;
  return to_list(separator.text() ? split_at(text, *separator.text(), limit) : split_at_spaces(text, limit));
}

// startswith and endswith take one string or several.
template <class Matches>
bool any_affix(const Arguments& arguments, std::string_view method, Matches matches) {
  if (!arguments.values.empty() && arguments.values[0].list()) {
    return std::ranges::any_of(*arguments.values[0].list(),
                               [&](const Value& affix) { return affix.text() && matches(*affix.text()); });
  }
  return matches(text_argument(arguments, 0, method));
}

Value code_points_before(const std::string& text, std::size_t at) {
  if (at == text.npos) return -1;
  return static_cast<std::int64_t>(text::count_code_points(std::string_view(text).substr(0, at)));
}

std::int64_t occurrences(const std::string& text, const std::string& part) {
  if (part.empty()) return static_cast<std::int64_t>(text::count_code_points(text)) + 1;
  std::int64_t count = 0;
  for (std::size_t at = find_text(text, part, 0); at != text.npos;
       at = find_text(text, part, at + part.size()))
    ++count;
  return count;
}

// Where the last `part` begins: the first one in the text read backwards.
std::size_t find_last(const std::string& text, const std::string& part) {
  const std::string backwards(text.rbegin(), text.rend());
  const std::size_t at = find_text(backwards, std::string(part.rbegin(), part.rend()), 0);
  return at == text.npos ? at : text.size() - at - part.size();
}

List partition(const std::string& text, const std::string& separator, bool last) {
  if (separator.empty()) refuse("partition: the separator is empty");
  const std::size_t at = last ? find_last(text, separator) : find_text(text, separator, 0);
  if (at == text.npos) return last ? List{"", "", text} : List{text, "", ""};
  return {text.substr(0, at), separator, text.substr(at + separator.size())};
}

// As split, but a limit counts from the end.
List rsplit(const std::string& text, const Arguments& arguments) {
  const Value separator = arguments.get(0, "sep");
  const Value most = arguments.get(1, "maxsplit");
  if (!separator.text()) {
    if (most.integer() && *most.integer() >= 0) refuse("rsplit at white space takes no limit here");
    return to_list(split_at_spaces(text, -1));
  }
  List parts = to_list(split_at(text, *separator.text(), -1));
  const auto limit =
      most.integer() && *most.integer() >= 0 ? static_cast<std::size_t>(*most.integer()) : parts.size();
  if (parts.size() <= limit + 1) return parts;
  const auto tail = parts.end() - static_cast<std::ptrdiff_t>(limit);
  std::size_t begin = 0;  // of the tail, in the text
  for (auto part = parts.begin(); part != tail; ++part)
    begin += part->text()->size() + separator.text()->size();
  List result{text.substr(0, begin - separator.text()->size())};
  result.insert(result.end(), tail, parts.end());
  return result;
}

// Python's line breaks, of which "\r\n" is one.
List lines(std::string_view text, bool keep_ends) {
  List result;
  std::size_t begin = 0;
  for (std::size_t position = 0; position < text.size();) {
    const std::size_t end = position;
    const char32_t c = text::next_code_point(text, position);
    const bool breaks =
        (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
    if (!breaks) continue;
    if (c == '\r' && position < text.size() && text[position] == '\n') ++position;
    result.emplace_back(text.substr(begin, (keep_ends ? position : end) - begin));
    begin = position;
  }
  if (begin < text.size()) result.emplace_back(text.substr(begin));
  return result;
}

Value text_method(const std::string& text, std::string_view name, const Arguments& arguments) {
  const std::string_view view = text;
  if (name == "strip") return strip(text, Side::kBoth, arguments);
  if (name == "lstrip") return strip(text, Side::kLeft, arguments);
  if (name == "rstrip") return strip(text, Side::kRight, arguments);
  if (name == "split") return split(text, arguments);
  if (name == "upper") return upper(text);
  if (name == "lower") return lower(text);
  if (name == "capitalize") return capitalized(text);
  if (name == "title") return titled(text);
  if (name == "startswith") {
    return any_affix(arguments, name, [&](const std::string& affix) { return view.starts_with(affix); });
  }
  if (name == "endswith") {
    return any_affix(arguments, name, [&](const std::string& affix) { return view.ends_with(affix); });
  }
  if (name == "replace") {
    const Value most = arguments.get(2, "count");
    return replaced(text, text_argument(arguments, 0, name), text_argument(arguments, 1, name),
                    most.integer() ? *most.integer() : -1);
  }
  if (name == "join") return apply_filter("join", arguments.get(0, ""), {{Value(text)}, {}});
  if (name == "find") return code_points_before(text, find_text(text, text_argument(arguments, 0, name), 0));
  if (name == "rfind") return code_points_before(text, find_last(text, text_argument(arguments, 0, name)));
  if (name == "index") {
    const std::size_t at = find_text(text, text_argument(arguments, 0, name), 0);
    if (at == text.npos) refuse("index: the text is not there");
    return code_points_before(text, at);
  }
  if (name == "partition" || name == "rpartition") {
    return partition(text, text_argument(arguments, 0, name), name == "rpartition");
  }
  if (name == "rsplit") return rsplit(text, arguments);
  if (name == "count") return occurrences(text, text_argument(arguments, 0, name));
  if (name == "removeprefix") {
    const std::string& prefix = text_argument(arguments, 0, name);
    return view.starts_with(prefix) ? view.substr(prefix.size()) : view;
  }
  if (name == "removesuffix") {
    const std::string& suffix = text_argument(arguments, 0, name);
    return view.ends_with(suffix) ? view.substr(0, view.size() - suffix.size()) : view;
  }
  if (name == "splitlines") return lines(text, arguments.get(0, "keepends").truthy());
  if (name == "isalpha") return is_alphabetic(text);
  if (name == "isalnum") return is_alphanumeric(text);
  if (name == "isdigit") return is_digits(text);
  if (name == "isspace") return is_spaces(text);
  if (name == "isupper") return is_upper(text);
  return is_lower(text);
}

Value dict_method(const Dict& dict, std::string_view name, const Arguments& arguments) {
  if (name == "get") {
    const Value key = arguments.get(0, "key");
    const Value* found = key.text() ? dict.find(*key.text()) : nullptr;
    if (found) return *found;
    const Value otherwise = arguments.get(1, "default");
    return otherwise.is_undefined() ? Value(nullptr) : otherwise;
  }
  List list;
  for (const auto& [key, value] : dict.entries()) {
    if (name == "keys") {
      list.emplace_back(key);
    } else if (name == "values") {
      list.push_back(value);
    } else {
      list.emplace_back(List{Value(key), value});
    }
  }
  return list;
}

}  // namespace

bool has_method(const Value& object, std::string_view name) {
  if (object.text()) return std::ranges::find(kTextMethods, name) != kTextMethods.end();
  return object.dict() && std::ranges::find(kDictMethods, name) != kDictMethods.end();
}

Value call_method(const Value& object, std::string_view name, const Arguments& arguments) {
  if (has_method(object, name)) {
    return object.text() ? text_method(*object.text(), name, arguments)
                         : dict_method(*object.dict(), name, arguments);
  }
  if (const Undefined* undefined = object.undefined())
    refuse(fmt::format("'{}' is undefined", undefined->name));
  refuse(fmt::format("a {} has no method {}", object.type_name(), name));
}

}  // namespace sluice::jinja
