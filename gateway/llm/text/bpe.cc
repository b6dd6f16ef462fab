#include "gateway/llm/text/bpe.h"

#include <queue>

namespace sluice::text {
namespace {

constexpr std::int32_t kNone = -1;

struct Symbol {
  TokenId token;
  std::int32_t previous;
  std::int32_t next;
};

struct Candidate {
  std::uint32_t rank;
  std::int32_t position;
  TokenId left;
  TokenId right;
  TokenId token;

  // The queue is a max-heap: the earliest merge, then the leftmost, must compare greatest.
  bool operator<(const Candidate& other) const noexcept {
    return rank != other.rank ? rank > other.rank : position > other.position;
  }
};

constexpr std::uint64_t pair_key(TokenId left, TokenId right) {
  return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32) |
         static_cast<std::uint32_t>(right);
}

constexpr bool occurs_in_utf8(unsigned byte) {
  return byte < 0xC0 || (byte > 0xC1 && byte < 0xF5);
}

}  // namespace

Result<Bpe> Bpe::build(VocabularyMap vocabulary, const std::vector<Merge>& merges, bool whole_words) {
  Bpe bpe;
  bpe.whole_words_ = whole_words;
  const auto id_of = [&](const std::string& token) {
    const auto found = vocabulary.find(token);
    return found == vocabulary.end() ? kNone : found->second;
  };
  for (unsigned byte = 0; byte < 256; ++byte) {
    bpe.byte_tokens_[byte] = id_of(std::string(1, static_cast<char>(byte)));
    if (bpe.byte_tokens_[byte] == kNone && occurs_in_utf8(byte)) {
      return fail(ErrorKind::kConfig, "vocabulary has no token for byte " + std::to_string(byte));
    }
  }
  bpe.merges_.reserve(merges.size());
  for (std::uint32_t rank = 0; rank < merges.size(); ++rank) {
    const TokenId left = id_of(merges[rank].left);
    const TokenId right = id_of(merges[rank].right);
    const TokenId joined = id_of(merges[rank].left + merges[rank].right);
    if (left == kNone || right == kNone || joined == kNone) {
      return fail(ErrorKind::kConfig,
                  "merge " + std::to_string(rank) + " names a token outside the vocabulary");
    }
    bpe.merges_.emplace(pair_key(left, right), Joined{rank, joined});
  }
  bpe.vocabulary_ = std::move(vocabulary);
  return bpe;
}

const Bpe::Joined* Bpe::find_merge(TokenId left, TokenId right) const {
  const auto found = merges_.find(pair_key(left, right));
  return found == merges_.end() ? nullptr : &found->second;
}

void Bpe::encode(std::string_view word, std::vector<TokenId>& tokens) const {
  if (whole_words_) {
    if (const auto whole = vocabulary_.find(word); whole != vocabulary_.end()) {
      tokens.push_back(whole->second);
      return;
    }
  }
  std::vector<Symbol> symbols;
  symbols.reserve(word.size());
  for (const char c : word) {
    const auto position = static_cast<std::int32_t>(symbols.size());
    symbols.push_back({byte_tokens_[static_cast<unsigned char>(c)], position - 1, position + 1});
  }
  if (symbols.empty()) return;
  symbols.back().next = kNone;

  std::priority_queue<Candidate> candidates;
  const auto consider = [&](std::int32_t position) {
    if (position == kNone || symbols[position].next == kNone) return;
    const TokenId left = symbols[position].token;
    const TokenId right = symbols[symbols[position].next].token;
    if (const Joined* joined = find_merge(left, right)) {
      candidates.push({joined->rank, position, left, right, joined->token});
    }
  };
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(symbols.size()); ++i)
    consider(i);

  while (!candidates.empty()) {
    const Candidate best = candidates.top();
    candidates.pop();
    Symbol& left = symbols[best.position];
    // A neighbour's merge may have taken either half since this candidate was noted; a merged-away symbol is
    // kNone.
    if (left.token != best.left || left.next == kNone || symbols[left.next].token != best.right) continue;
    Symbol& right = symbols[left.next];
    left.token = best.token;
    right.token = kNone;
    left.next = right.next;
    if (left.next != kNone) symbols[left.next].previous = best.position;
    consider(left.previous);
    consider(best.position);
  }
  for (std::int32_t i = 0; i != kNone; i = symbols[i].next)
    tokens.push_back(symbols[i].token);
}

}  // namespace sluice::text
