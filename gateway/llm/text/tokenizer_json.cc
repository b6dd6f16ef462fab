#include "gateway/llm/text/tokenizer_json.h"

#include <simdjson.h>

#include <optional>
#include <utility>

#include "gateway/llm/text/byte_alphabet.h"

namespace sluice::text {
namespace {

using simdjson::dom::element;

constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

// The id is an index into a table: one absurd number must not make the table absurd.
constexpr std::uint64_t kLargestId = (1U << 22) - 1;

std::unexpected<Error> bad(std::string_view what) {
  return fail(ErrorKind::kConfig, "tokenizer.json: " + std::string(what));
}

std::unexpected<Error> unsupported(std::string_view part, std::string_view name) {
  return bad(std::string(part) + " " + std::string(name) + " is not supported");
}

// A member that is there and not null.
std::optional<element> member(element object, std::string_view name) {
  element value;
  if (object[name].get(value) != simdjson::SUCCESS || value.is_null()) return std::nullopt;
  return value;
}

std::string text_of(element object, std::string_view name) {
  std::string_view text;
  const auto value = member(object, name);
  if (!value || value->get(text) != simdjson::SUCCESS) return {};
  return std::string(text);
}

bool flag_of(element object, std::string_view name, bool otherwise) {
  bool flag = otherwise;
  if (const auto value = member(object, name)) {
    if (value->get(flag) != simdjson::SUCCESS) return otherwise;
  }
  return flag;
}

Result<TokenId> id_of(element value) {
  std::uint64_t id = 0;
  if (value.get(id) != simdjson::SUCCESS || id > kLargestId)
    return bad("a token id is not a number below 2^22");
  return static_cast<TokenId>(id);
}

// The members of a Sequence, or the element alone.
std::vector<element> parts_of(element step, std::string_view list) {
  if (text_of(step, "type") != "Sequence") return {step};
  std::vector<element> parts;
  simdjson::dom::array array;
  if (step[list].get(array) == simdjson::SUCCESS) {
    for (const element part : array)
      parts.push_back(part);
  }
  return parts;
}

Result<void> read_vocabulary(element model, TokenizerSpec& spec) {
  simdjson::dom::object vocabulary;
  if (model["vocab"].get(vocabulary) != simdjson::SUCCESS) return bad("model.vocab is not an object");
  spec.vocabulary.reserve(vocabulary.size());
  for (const auto& [token, value] : vocabulary) {
    const Result<TokenId> id = id_of(value);
    if (!id) return fail(id.error());
    // A token outside the byte alphabet can only be an added one written in plain text: no merge leads to it.
    if (auto bytes = bytes_from_alphabet(token)) spec.vocabulary.emplace(std::move(*bytes), *id);
  }
  return {};
}

std::optional<std::pair<std::string_view, std::string_view>> merge_halves(element merge) {
  std::string_view text;
  if (merge.get(text) == simdjson::SUCCESS) {
    const auto space = text.find(' ');
    if (space == std::string_view::npos || text.find(' ', space + 1) != std::string_view::npos)
      return std::nullopt;
    return std::pair{text.substr(0, space), text.substr(space + 1)};
  }
  simdjson::dom::array halves;
  std::string_view right;
  if (merge.get(halves) != simdjson::SUCCESS || halves.size() != 2 ||
      halves.at(0).get(text) != simdjson::SUCCESS || halves.at(1).get(right) != simdjson::SUCCESS) {
    return std::nullopt;
  }
  return std::pair{text, right};
}

Result<void> read_merges(element model, TokenizerSpec& spec) {
  simdjson::dom::array merges;
  if (model["merges"].get(merges) != simdjson::SUCCESS) return bad("model.merges is not an array");
  for (const element merge : merges) {
    const auto halves = merge_halves(merge);
    auto left = halves ? bytes_from_alphabet(halves->first) : std::nullopt;
    auto right = halves ? bytes_from_alphabet(halves->second) : std::nullopt;
    if (!left || !right) {
      return bad("merge " + std::to_string(spec.merges.size()) + " is neither \"a b\" nor [\"a\", \"b\"]");
    }
    spec.merges.push_back({std::move(*left), std::move(*right)});
  }
  return {};
}

Result<void> read_model(element root, TokenizerSpec& spec) {
  const auto model = member(root, "model");
  if (!model) return bad("there is no model");
  if (const std::string type = text_of(*model, "type"); type != "BPE") return unsupported("model", type);
  if (flag_of(*model, "byte_fallback", false)) return unsupported("model option", "byte_fallback");
  if (flag_of(*model, "fuse_unk", false)) return unsupported("model option", "fuse_unk");
  if (member(*model, "dropout")) return unsupported("model option", "dropout");
  for (const std::string_view option : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (!text_of(*model, option).empty()) return unsupported("model option", option);
  }
  spec.whole_words = flag_of(*model, "ignore_merges", false);
  if (auto vocabulary = read_vocabulary(*model, spec); !vocabulary) return vocabulary;
  return read_merges(*model, spec);
}

Result<void> read_added_tokens(element root, TokenizerSpec& spec) {
  simdjson::dom::array tokens;
  if (root["added_tokens"].get(tokens) != simdjson::SUCCESS) return {};
  for (const element token : tokens) {
    AddedToken added;
    const auto value = member(token, "id");
    const Result<TokenId> id = value ? id_of(*value) : bad("an added token has no id");
    if (!id) return fail(id.error());
    added.id = *id;
    added.content = text_of(token, "content");
    added.special = flag_of(token, "special", false);
    added.normalized = flag_of(token, "normalized", false);
    if (added.content.empty()) return bad("an added token has no content");
    for (const std::string_view option : {"single_word", "lstrip", "rstrip"}) {
      if (flag_of(token, option, false)) return unsupported("added token " + added.content + " with", option);
    }
    spec.added_tokens.push_back(std::move(added));
  }
  return {};
}

Result<void> read_normalizer(element root, TokenizerSpec& spec) {
  const auto normalizer = member(root, "normalizer");
  if (!normalizer) return {};
  for (const element part : parts_of(*normalizer, "normalizers")) {
    if (const std::string type = text_of(part, "type"); type != "NFC") return unsupported("normalizer", type);
    spec.nfc = true;
  }
  return {};
}

std::string regex_of(std::string_view literal) {
  std::string pattern;
  for (const char c : literal) {
    if (static_cast<unsigned char>(c) < 0x80 && std::string_view(R"(\^$.|?*+()[]{})").contains(c))
      pattern += '\\';
    pattern += c;
  }
  return pattern;
}

Result<void> read_split(element split, TokenizerSpec& spec) {
  if (const std::string behavior = text_of(split, "behavior"); behavior != "Isolated") {
    return unsupported("pre-tokenizer Split with behavior", behavior);
  }
  if (flag_of(split, "invert", false)) return unsupported("pre-tokenizer Split with", "invert");
  const auto pattern = member(split, "pattern");
  if (!pattern) return bad("a pre-tokenizer Split has no pattern");
  if (auto regex = text_of(*pattern, "Regex"); !regex.empty()) {
    spec.split_patterns.push_back(std::move(regex));
  } else if (const auto literal = text_of(*pattern, "String"); !literal.empty()) {
    spec.split_patterns.push_back(regex_of(literal));
  } else {
    return bad("a pre-tokenizer Split has neither a Regex nor a String");
  }
  return {};
}

Result<void> read_pre_tokenizer(element root, TokenizerSpec& spec) {
  const auto pre_tokenizer = member(root, "pre_tokenizer");
  if (!pre_tokenizer) return bad("there is no pre_tokenizer; ByteLevel is needed");
  bool byte_level = false;
  for (const element part : parts_of(*pre_tokenizer, "pretokenizers")) {
    const std::string type = text_of(part, "type");
    if (byte_level) return bad("ByteLevel must be the last pre-tokenizer");
    if (type == "Split") {
      if (auto split = read_split(part, spec); !split) return split;
    } else if (type == "ByteLevel") {
      byte_level = true;
      spec.add_prefix_space = flag_of(part, "add_prefix_space", true);
      if (spec.add_prefix_space && !spec.split_patterns.empty()) {
        return unsupported("pre-tokenizer ByteLevel after Split with", "add_prefix_space");
      }
      if (flag_of(part, "use_regex", true)) spec.split_patterns.emplace_back(kGpt2Pattern);
    } else {
      return unsupported("pre-tokenizer", type);
    }
  }
  if (!byte_level) return bad("the pre-tokenizer ByteLevel is missing");
  return {};
}

Result<void> read_template(element processor, TokenizerSpec& spec) {
  simdjson::dom::array items;
  if (processor["single"].get(items) != simdjson::SUCCESS)
    return bad("TemplateProcessing has no single template");
  bool behind = false;
  for (const element item : items) {
    if (member(item, "Sequence")) {
      if (behind) return bad("TemplateProcessing has the text twice");
      behind = true;
      continue;
    }
    const auto special = member(item, "SpecialToken");
    const std::string name = special ? text_of(*special, "id") : std::string();
    simdjson::dom::array ids;
    if (processor["special_tokens"][name]["ids"].get(ids) != simdjson::SUCCESS) {
      return bad("TemplateProcessing names the unknown special token " + name);
    }
    for (const element value : ids) {
      const Result<TokenId> id = id_of(value);
      if (!id) return fail(id.error());
      (behind ? spec.suffix : spec.prefix).push_back(*id);
    }
  }
  if (!behind) return bad("TemplateProcessing leaves the text out");
  return {};
}

Result<void> read_post_processor(element root, TokenizerSpec& spec) {
  const auto processor = member(root, "post_processor");
  if (!processor) return {};
  for (const element part : parts_of(*processor, "processors")) {
    const std::string type = text_of(part, "type");
    if (type == "ByteLevel") continue;  // only moves character offsets
    if (type != "TemplateProcessing") return unsupported("post-processor", type);
    if (auto read = read_template(part, spec); !read) return read;
  }
  return {};
}

Result<void> check_decoder(element root) {
  const auto decoder = member(root, "decoder");
  if (!decoder) return bad("there is no decoder; ByteLevel is needed");
  for (const element part : parts_of(*decoder, "decoders")) {
    if (const std::string type = text_of(part, "type"); type != "ByteLevel")
      return unsupported("decoder", type);
  }
  return {};
}

}  // namespace

Result<TokenizerSpec> parse_tokenizer_json(std::string_view json) {
  simdjson::dom::parser parser;
  element root;
  if (const auto error = parser.parse(simdjson::padded_string(json)).get(root); error != simdjson::SUCCESS) {
    return bad(simdjson::error_message(error));
  }
  TokenizerSpec spec;
  for (const auto read :
       {read_model, read_added_tokens, read_normalizer, read_pre_tokenizer, read_post_processor}) {
    if (auto done = read(root, spec); !done) return fail(done.error());
  }
  if (auto decoder = check_decoder(root); !decoder) return fail(decoder.error());
  return spec;
}

}  // namespace sluice::text
