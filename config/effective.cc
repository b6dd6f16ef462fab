#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>

#include "config/describe.h"
#include "config/documents.h"
#include "config/scalar_text.h"

namespace sluice::config {
namespace {

using Kind = Type::Kind;

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Texts that every YAML reader, also one of version 1.1, takes for a text without quotes.
bool is_plain(std::string_view text) {
  constexpr std::string_view kWords[] = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"};
  if (text.empty() || (!is_letter(text[0]) && text[0] != '/' && text[0] != '_') || text.ends_with(':'))
    return false;
  const auto fits = [](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || std::string_view("_./:-").contains(c);
  };
  if (!std::ranges::all_of(text, fits)) return false;
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return std::ranges::find(kWords, lower) == std::end(kWords);
}

std::string yaml_scalar(const Type& type, const void* value) {
  std::string text = scalar_text(type, value);
  const bool quote = type.kind == Kind::kText ? !is_plain(text) : text.starts_with('[');
  return quote ? quote_json(text) : text;
}

class Printer {
 public:
  std::string take() && { return std::move(out_); }

  void print_struct(const Struct& record, const void* object, std::size_t indent) {
    for (const Field& field : record.fields)
      print_field(field.name, field.type, field.member_of(object), indent);
  }

 private:
  void begin_line(std::size_t indent) {
    // The first line of a list item continues the line that its dash has begun.
    if (!after_dash_) out_.append(indent, ' ');
    after_dash_ = false;
  }

  void print_field(std::string_view name, const Type& type, const void* value, std::size_t indent) {
    if (type.kind == Kind::kOptional) {
      if (type.size(value) > 0) print_field(name, *type.element, type.at(value, 0), indent);
      return;
    }
    begin_line(indent);
    out_.append(name).append(":");
    if (type.kind == Kind::kStruct) {
      out_ += '\n';
      print_struct(type.record(), value, indent + 2);
    } else if (type.kind == Kind::kList) {
      print_list(type, value, indent);
    } else {
      out_.append(" ").append(yaml_scalar(type, value)).append("\n");
    }
  }

  void print_list(const Type& type, const void* list, std::size_t indent) {
    const std::size_t size = type.size(list);
    if (type.element->kind != Kind::kStruct || size == 0) {
      out_ += " [";
      for (std::size_t i = 0; i < size; ++i) {
        out_.append(i > 0 ? ", " : "").append(yaml_scalar(*type.element, type.at(list, i)));
      }
      out_ += "]\n";
      return;
    }
    out_ += '\n';
    for (std::size_t i = 0; i < size; ++i) {
      out_.append(indent + 2, ' ').append("- ");
      after_dash_ = true;
      print_struct(type.element->record(), type.at(list, i), indent + 4);
    }
  }

  std::string out_;
  bool after_dash_ = false;
};

}  // namespace

std::string print_effective(const Config& config) {
  Printer printer;
  printer.print_struct(config_struct(), &config, 0);
  return std::move(printer).take();
}

}  // namespace sluice::config
