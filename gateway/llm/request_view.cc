#include "gateway/llm/request_view.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <forward_list>
#include <limits>
#include <new>
#include <string>
#include <utility>

#include "gateway/base/json_escape.h"
#include "gateway/llm/json_structure.h"

namespace sluice::llm {

static_assert(kJsonPadding >= simdjson::SIMDJSON_PADDING);

namespace {

// Longer names of members are cut in Error::param: the client knows what it sent.
constexpr std::size_t kMaxParamLength = 64;
// Index entries kept for the next body; 1 MiB of body, 4 MiB of index.
constexpr std::size_t kKeptCapacity = 1 << 20;

std::string cut_param(std::string_view name) {
  std::size_t length = 0;
  while (length < name.size()) {
    const std::size_t step = std::max<std::size_t>(utf8_sequence_length(name.substr(length)), 1);
    if (length + step > kMaxParamLength) break;
    length += step;
  }
  return std::string(name.substr(0, length));
}

// Some parsers ignore the case of names (Go's encoding/json): to a backend that uses one, such a member is
// the model, whatever rules have said about the other.
bool is_model_in_another_case(std::string_view name) noexcept {
  constexpr std::string_view kModel = "model";
  return name.size() == kModel.size() && std::ranges::equal(name, kModel, {}, [](char c) {
           return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
         });
}

// The names met in one object. A 64-bit filter answers "new" for nearly every name without a comparison.
class NameSet {
 public:
  // False if the name was there.
  bool insert(std::string_view name) {
    const std::uint64_t bit = std::uint64_t{1} << (hash(name) >> 58);
    if ((filter_ & bit) != 0 &&
        std::find(names_.begin(), names_.begin() + count_, name) != names_.begin() + count_) {
      return false;
    }
    filter_ |= bit;
    names_[count_++] = {name.data(), name.size()};
    return true;
  }
  bool full() const { return count_ == kMaxJsonMembers; }

 private:
  static std::uint64_t hash(std::string_view name) {
    std::uint64_t head = 0;
    std::uint64_t tail = 0;
    const std::size_t part = std::min<std::size_t>(name.size(), 8);
    std::memcpy(&head, name.data(), part);
    std::memcpy(&tail, name.data() + name.size() - part, part);
    return (head ^ std::rotl(tail, 29) ^ name.size()) * 0x9e3779b97f4a7c15u;
  }

  // A view without initialiser: clearing 128 of them would cost as much as a small request's whole parse.
  struct Name {
    const char* data;
    std::size_t size;
    bool operator==(std::string_view name) const { return std::string_view(data, size) == name; }
  };
  std::array<Name, kMaxJsonMembers> names_;  // the first count_ are set
  std::uint64_t filter_ = 0;
  int count_ = 0;
};

class Reader {
 public:
  Reader(JsonWalker& walker, const ParseOptions& options) : walker_(walker), options_(options) {
    for (const std::string& name : options.members)
      view_.members.push_back({.name = name});
  }

  bool read();
  RequestView take() { return std::move(view_); }

 private:
  enum class Scope { kRequest, kStreamOptions };

  bool read_members(Scope scope, bool& has_members);
  bool read_member(Scope scope, std::string_view name);
  bool read_request_member(std::string_view name);
  bool keep_if_requested(std::string_view name);
  bool take_value(int depth);
  bool read_option(std::string_view name);
  bool decode_name(Span quoted, std::string_view& name);
  bool decode_text(Span quoted, JsonText& text);

  bool read_text(std::string_view param, JsonText& text, Span* span = nullptr);
  bool read_bool(std::string_view param, bool& value, Span* span = nullptr);
  bool read_integer(std::string_view param, std::int64_t low, std::int64_t high,
                    std::optional<std::int64_t>& value);
  bool read_span(Span& span);
  bool read_stream_options();

  // False, or true where no type is demanded and the member counts as absent.
  bool fail_type(std::string_view param, std::string_view expected, std::string_view got);

  JsonWalker& walker_;
  const ParseOptions& options_;
  RequestView view_;
  JsonValue value_{};  // the last one read
  std::forward_list<std::string> decoded_names_;
};

bool Reader::read() {
  if (walker_.peek() != '{') return walker_.fail_here("Expected an object");
  view_.first_member = walker_.offset() + 1;
  if (!read_members(Scope::kRequest, view_.has_members)) return false;
  return walker_.at_end() || walker_.fail_here("Unexpected content behind the object");
}

bool Reader::read_members(Scope scope, bool& has_members) {
  if (!walker_.take('{', "Expected an object")) return false;
  has_members = walker_.peek() != '}';
  if (!has_members) return walker_.take('}', "");
  NameSet names;
  for (;;) {
    Span quoted;
    std::string_view name;
    if (!walker_.take_name(quoted) || !decode_name(quoted, name)) return false;
    if (names.full()) return walker_.fail_at(quoted.offset, "Too many members");
    if (!names.insert(name)) {
      std::string param = scope == Scope::kStreamOptions ? "stream_options." : "";
      param += cut_param(name);
      std::string message = "Duplicate parameter: '" + param + "'. Each member may be given only once.";
      return walker_.fail_member(std::move(param), std::move(message));
    }
    if (!walker_.take(':', "Expected ':'") || !read_member(scope, name)) return false;
    if (walker_.peek() == '}') return walker_.take('}', "");
    if (!walker_.take(',', "Expected ',' or '}'")) return false;
  }
}

bool Reader::read_member(Scope scope, std::string_view name) {
  if (scope == Scope::kStreamOptions) return read_option(name);
  return read_request_member(name) && (options_.members.empty() || keep_if_requested(name));
}

bool Reader::read_request_member(std::string_view name) {
  if (name == "model") return read_text(name, view_.model, &view_.model_span);
  if (name == "messages") return read_span(view_.messages);
  if (name == "prompt") return read_span(view_.prompt);
  if (name == "input") return read_span(view_.input);
  if (name == "stream") return read_bool(name, view_.stream);
  if (name == "stream_options") return read_stream_options();
  if (name == "max_tokens") return read_integer(name, 0, kMaxTokensLimit, view_.max_tokens);
  if (name == "max_completion_tokens") {
    return read_integer(name, 0, kMaxTokensLimit, view_.max_completion_tokens);
  }
  if (name == "n") {
    std::optional<std::int64_t> n;
    if (!read_integer(name, 1, kMaxChoices, n)) return false;
    view_.n = n.value_or(1);
    return true;
  }
  if (name == "user") return read_text(name, view_.user);
  if (!options_.lenient && is_model_in_another_case(name)) {
    std::string param(name);
    std::string message = "Unknown parameter: '" + param + "'. Did you mean 'model'?";
    return walker_.fail_member(std::move(param), std::move(message));
  }
  return take_value(1);
}

bool Reader::take_value(int depth) {
  return walker_.take_value(depth, value_);
}

// `value_` is the member's.
bool Reader::keep_if_requested(std::string_view name) {
  const auto found = std::ranges::lower_bound(options_.members, name);
  if (found == options_.members.end() || *found != name) return true;
  RequestedMember& member = view_.members[static_cast<std::size_t>(found - options_.members.begin())];
  member.is_scalar = value_.type == JsonType::kString || value_.type == JsonType::kNumber ||
                     value_.type == JsonType::kBoolean;
  if (value_.type == JsonType::kString) return decode_text(value_.span, member.text);
  if (member.is_scalar) member.text = JsonText(value_.span.of(walker_.body()));
  return true;
}

bool Reader::read_option(std::string_view name) {
  if (name == "include_usage") {
    return read_bool("stream_options.include_usage", view_.include_usage, &view_.include_usage_span);
  }
  return take_value(2);
}

bool Reader::decode_name(Span quoted, std::string_view& name) {
  name = walker_.body().substr(quoted.offset + 1, quoted.length - 2);
  if (name.find('\\') == std::string_view::npos) return true;
  std::string& decoded = decoded_names_.emplace_front(name);
  const auto length = decode_json_string(name, decoded.data());
  if (!length) return walker_.fail_at(quoted.offset, "Invalid escape in the member name");
  decoded.resize(*length);
  name = decoded;
  return true;
}

bool Reader::read_text(std::string_view param, JsonText& text, Span* span) {
  if (!take_value(1)) return false;
  if (span != nullptr) *span = value_.span;
  if (value_.type == JsonType::kNull) return true;
  if (value_.type != JsonType::kString) return fail_type(param, "a string", with_article(value_.type));
  return decode_text(value_.span, text);
}

bool Reader::decode_text(Span quoted, JsonText& text) {
  const std::string_view raw = walker_.body().substr(quoted.offset + 1, quoted.length - 2);
  if (raw.find('\\') == std::string_view::npos) {
    text = JsonText(raw);
    return true;
  }
  auto decoded = std::make_unique<char[]>(raw.size());
  const auto length = decode_json_string(raw, decoded.get());
  if (!length) return walker_.fail_at(quoted.offset, "Invalid escape in the string");
  text = JsonText(std::move(decoded), *length);
  return true;
}

bool Reader::read_bool(std::string_view param, bool& value, Span* span) {
  if (!take_value(1)) return false;
  const JsonValue got = value_;
  if (span != nullptr) *span = got.span;
  if (got.type == JsonType::kNull) return true;
  if (got.type != JsonType::kBoolean) return fail_type(param, "a boolean", with_article(got.type));
  value = got.span.length == 4;
  return true;
}

bool Reader::read_integer(std::string_view param, std::int64_t low, std::int64_t high,
                          std::optional<std::int64_t>& value) {
  if (!take_value(1)) return false;
  const JsonValue got = value_;
  if (got.type == JsonType::kNull || options_.lenient) return true;
  if (got.type != JsonType::kNumber) return fail_type(param, "an integer", with_article(got.type));
  const std::string_view text = got.span.of(walker_.body());
  if (text.find_first_of(".eE") != std::string_view::npos)
    return fail_type(param, "an integer", "a decimal number");
  std::int64_t number = 0;
  const bool overflow = std::from_chars(text.data(), text.data() + text.size(), number).ec != std::errc{};
  const bool below = overflow ? text.starts_with('-') : number < low;
  if (!below && !overflow && number <= high) {
    value = number;
    return true;
  }
  std::string message = "Invalid '" + std::string(param) + "': integer ";
  message += below ? "below minimum value. Expected a value >= " + std::to_string(low) + "."
                   : "above maximum value. Expected a value <= " + std::to_string(high) + ".";
  return walker_.fail_member(std::string(param), std::move(message));
}

bool Reader::read_span(Span& span) {
  if (!take_value(1)) return false;
  span = value_.span;
  return true;
}

bool Reader::read_stream_options() {
  const std::uint32_t begin = walker_.offset();
  if (walker_.peek() == '{') {
    if (!read_members(Scope::kStreamOptions, view_.stream_options_has_members)) return false;
    view_.stream_options = {begin, walker_.previous_end() - begin};
    view_.stream_options_is_object = true;
    value_ = {JsonType::kObject, view_.stream_options};
    return true;
  }
  if (!take_value(1)) return false;
  view_.stream_options = value_.span;
  return value_.type == JsonType::kNull ||
         fail_type("stream_options", "an object", with_article(value_.type));
}

bool Reader::fail_type(std::string_view param, std::string_view expected, std::string_view got) {
  if (options_.lenient) return true;
  std::string message = "Invalid type for '";
  message.append(param)
      .append("': expected ")
      .append(expected)
      .append(", but got ")
      .append(got)
      .append(" instead.");
  return walker_.fail_member(std::string(param), std::move(message));
}

std::unexpected<Error> not_json(std::string_view what, std::size_t offset) {
  JsonWalker walker({}, {});
  walker.fail_at(offset, what);
  return fail(walker.take_error());
}

// The vectorised pass tells what is wrong but not where; a slow look at a body that is refused anyway does.
std::unexpected<Error> explain(simdjson::error_code error, std::string_view body) {
  bool in_string = false;
  std::size_t string_start = 0;
  for (std::size_t i = 0; i < body.size();) {
    const std::size_t length = utf8_sequence_length(body.substr(i));
    if (length == 0) return not_json("Invalid UTF-8", i);
    if (in_string && static_cast<unsigned char>(body[i]) < 0x20)
      return not_json("Control character in a string", i);
    if (in_string && body[i] == '\\') {
      i += 2;
      continue;
    }
    if (body[i] == '"') {
      in_string = !in_string;
      string_start = i;
    }
    i += length;
  }
  if (in_string) return not_json("Unclosed string", string_start);
  if (error == simdjson::EMPTY) return not_json("Expected an object", body.size());
  return not_json(simdjson::error_message(error), 0);
}

}  // namespace

std::string_view RequestView::text_of(std::string_view member) const noexcept {
  const auto requested = std::ranges::lower_bound(members, member, {}, &RequestedMember::name);
  if (requested != members.end() && requested->name == member) return requested->text.view();
  if (member == "model") return model.view();
  return member == "user" ? user.view() : std::string_view();
}

struct RequestParser::Index {
  std::unique_ptr<simdjson::internal::dom_parser_implementation> stage;

  simdjson::error_code build(std::string_view body) {
    if (!stage || stage->capacity() < body.size()) {
      const std::size_t capacity = std::bit_ceil(std::max<std::size_t>(body.size(), 16384));
      const auto error = simdjson::get_active_implementation()->create_dom_parser_implementation(
          std::min<std::size_t>(capacity, simdjson::SIMDJSON_MAXSIZE_BYTES), 1, stage);
      if (error == simdjson::MEMALLOC) throw std::bad_alloc();
      if (error) return error;
    }
    return stage->stage1(reinterpret_cast<const std::uint8_t*>(body.data()), body.size(),
                         simdjson::stage1_mode::regular);
  }
};

RequestParser::RequestParser() : index_(std::make_unique<Index>()) {}
RequestParser::~RequestParser() = default;
RequestParser::RequestParser(RequestParser&&) noexcept = default;
RequestParser& RequestParser::operator=(RequestParser&&) noexcept = default;

Result<RequestView> RequestParser::parse(const BodyBuffer& buffer, const ParseOptions& options) {
  const std::string_view body = buffer.view();
  if (body.empty()) return not_json("The body is empty", 0);
  if (body.size() >= simdjson::SIMDJSON_MAXSIZE_BYTES) {
    return fail(ErrorKind::kBodyTooLarge, "The request body is larger than a JSON body may be.");
  }
  if (const auto error = index_->build(body)) return explain(error, body);
  JsonWalker walker(body, {index_->stage->structural_indexes.get(), index_->stage->n_structural_indexes});
  Reader reader(walker, options);
  const bool ok = reader.read();
  if (index_->stage->capacity() > kKeptCapacity) index_->stage.reset();
  if (!ok) return fail(walker.take_error());
  return reader.take();
}

}  // namespace sluice::llm
