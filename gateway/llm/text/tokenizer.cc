#include "gateway/llm/text/tokenizer.h"

#include <algorithm>
#include <utility>

#include "gateway/llm/text/byte_alphabet.h"
#include "gateway/llm/text/nfc.h"
#include "gateway/llm/text/text_file.h"
#include "gateway/llm/text/utf8.h"

namespace sluice::text {
namespace {

constexpr std::size_t kLargestFile = 128U << 20;  // the largest vocabularies in the field are about 35 MB

}  // namespace

Tokenizer::Tokenizer(Bpe bpe, const TokenizerOptions& options)
    : bpe_(std::move(bpe)), cache_(std::make_unique<WordCache>(options.cached_words)) {}

Result<Tokenizer> Tokenizer::load(const std::filesystem::path& path, const TokenizerOptions& options) {
  auto json = read_text_file(path, kLargestFile);
  if (!json) return fail(json.error());
  auto spec = parse_tokenizer_json(*json);
  if (!spec) return fail(spec.error());
  return build(std::move(*spec), options);
}

Result<Tokenizer> Tokenizer::build(TokenizerSpec spec, const TokenizerOptions& options) {
  TokenId largest = -1;
  for (const auto& [bytes, id] : spec.vocabulary)
    largest = std::max(largest, id);
  for (const AddedToken& added : spec.added_tokens)
    largest = std::max(largest, added.id);
  std::vector<Piece> pieces(static_cast<std::size_t>(largest + 1));
  for (const auto& [bytes, id] : spec.vocabulary) {
    if (pieces[id].present) {
      return fail(ErrorKind::kConfig, "tokenizer.json: two tokens have the id " + std::to_string(id));
    }
    pieces[id] = {bytes, true, false};
  }
  VocabularyMap ids = spec.vocabulary;
  auto bpe = Bpe::build(std::move(spec.vocabulary), spec.merges, spec.whole_words);
  if (!bpe) return fail(ErrorKind::kConfig, "tokenizer.json: " + bpe.error().detail());

  Tokenizer tokenizer(std::move(*bpe), options);
  tokenizer.pieces_ = std::move(pieces);
  tokenizer.ids_ = std::move(ids);
  for (const AddedToken& added : spec.added_tokens) {
    Piece& piece = tokenizer.pieces_[added.id];
    // A vocabulary may list it too, in the byte alphabet or as it is.
    if (piece.present && piece.bytes != added.content && piece.bytes != bytes_from_alphabet(added.content)) {
      return fail(ErrorKind::kConfig, "tokenizer.json: two tokens have the id " + std::to_string(added.id));
    }
    piece = {added.content, true, added.special};
    tokenizer.ids_[added.content] = added.id;
    if (!added.normalized) {
      tokenizer.added_raw_.add(added.content, added.id);
    } else if (!spec.nfc) {
      tokenizer.added_normalized_.add(added.content, added.id);
    } else {
      const auto content = to_nfc(added.content);
      if (!content) return fail(content.error());
      tokenizer.added_normalized_.add(*content, added.id);
    }
  }
  for (const std::string& pattern : spec.split_patterns) {
    auto split = SplitRegex::compile(pattern);
    if (!split) return fail(ErrorKind::kConfig, "tokenizer.json: " + split.error().detail());
    tokenizer.splits_.push_back(std::move(*split));
  }
  tokenizer.add_prefix_space_ = spec.add_prefix_space;
  tokenizer.nfc_ = spec.nfc;
  tokenizer.prefix_ = std::move(spec.prefix);
  tokenizer.suffix_ = std::move(spec.suffix);
  return tokenizer;
}

Result<std::vector<TokenId>> Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  if (text.size() > kLongestText) return fail(ErrorKind::kBodyTooLarge, "the text is longer than 256 MiB");
  if (!is_valid_utf8(text)) return fail(ErrorKind::kInvalidBody, "the text is not UTF-8");
  std::vector<TokenId> tokens;
  if (options.add_special_tokens) tokens = prefix_;
  if (auto done = encode_raw(text, options.match_added_tokens, tokens); !done) return fail(done.error());
  if (options.add_special_tokens) tokens.insert(tokens.end(), suffix_.begin(), suffix_.end());
  return tokens;
}

Result<void> Tokenizer::encode_raw(std::string_view text, bool match, std::vector<TokenId>& tokens) const {
  std::size_t plain_begin = 0;
  while (plain_begin < text.size()) {
    const auto added = match ? added_raw_.find(text, plain_begin) : std::nullopt;
    const auto plain = text.substr(plain_begin, added ? added->begin - plain_begin : text.npos);
    if (nfc_) {
      const auto normalized = to_nfc(plain);
      if (!normalized) return fail(normalized.error());
      if (auto done = encode_normalized(*normalized, match, tokens); !done) return done;
    } else if (auto done = encode_normalized(plain, match, tokens); !done) {
      return done;
    }
    if (!added) break;
    tokens.push_back(added->token);
    plain_begin = added->begin + added->size;
  }
  return {};
}

Result<void> Tokenizer::encode_normalized(std::string_view text, bool match,
                                          std::vector<TokenId>& tokens) const {
  std::size_t plain_begin = 0;
  while (plain_begin < text.size()) {
    const auto added = match ? added_normalized_.find(text, plain_begin) : std::nullopt;
    const auto plain = text.substr(plain_begin, added ? added->begin - plain_begin : text.npos);
    if (auto done = encode_plain(plain, tokens); !done) return done;
    if (!added) break;
    tokens.push_back(added->token);
    plain_begin = added->begin + added->size;
  }
  return {};
}

Result<void> Tokenizer::encode_plain(std::string_view text, std::vector<TokenId>& tokens) const {
  if (text.empty()) return {};
  std::string prefixed;
  if (add_prefix_space_ && text[0] != ' ') {
    prefixed = " " + std::string(text);
    text = prefixed;
  }
  std::vector<std::string_view> pieces{text};
  for (const SplitRegex& split : splits_) {
    std::vector<std::string_view> finer;
    for (const std::string_view piece : pieces) {
      if (auto done = split.split(piece, finer); !done) return done;
    }
    pieces = std::move(finer);
  }
  for (const std::string_view piece : pieces)
    encode_word(piece, tokens);
  return {};
}

void Tokenizer::encode_word(std::string_view word, std::vector<TokenId>& tokens) const {
  if (cache_->find(word, tokens)) return;
  const std::size_t before = tokens.size();
  bpe_.encode(word, tokens);
  cache_->insert(word, tokens.data() + before, tokens.size() - before);
}

std::string Tokenizer::decode(std::span<const TokenId> tokens, bool skip_special_tokens) const {
  std::string bytes;
  for (const TokenId token : tokens) {
    if (!skip_special_tokens || !is_special(token)) bytes += bytes_of(token);
  }
  std::string text;
  text.reserve(bytes.size());
  append_utf8(bytes, true, text);
  return text;
}

std::string_view Tokenizer::bytes_of(TokenId token) const noexcept {
  return contains(token) ? std::string_view(pieces_[token].bytes) : std::string_view();
}

bool Tokenizer::contains(TokenId token) const noexcept {
  return token >= 0 && static_cast<std::size_t>(token) < pieces_.size() && pieces_[token].present;
}

bool Tokenizer::is_special(TokenId token) const noexcept {
  return contains(token) && pieces_[token].special;
}

std::optional<TokenId> Tokenizer::find(std::string_view token) const {
  const auto found = ids_.find(token);
  if (found == ids_.end()) return std::nullopt;
  return found->second;
}

}  // namespace sluice::text
