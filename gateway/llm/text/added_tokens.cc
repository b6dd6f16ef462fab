#include "gateway/llm/text/added_tokens.h"

namespace sluice::text {

std::uint32_t AddedTokens::child(std::uint32_t node, char c) const {
  if (node == 0) return first_[static_cast<unsigned char>(c)];
  for (const auto& [byte, next] : nodes_[node].next) {
    if (byte == c) return next;
  }
  return 0;
}

void AddedTokens::add(std::string_view content, TokenId token) {
  std::uint32_t node = 0;
  for (const char c : content) {
    std::uint32_t next = child(node, c);
    if (next == 0) {
      next = static_cast<std::uint32_t>(nodes_.size());
      nodes_.emplace_back();
      if (node == 0) {
        first_[static_cast<unsigned char>(c)] = next;
      } else {
        nodes_[node].next.emplace_back(c, next);
      }
    }
    node = next;
  }
  if (nodes_[node].token < 0) nodes_[node].token = token;
}

std::optional<AddedTokens::Match> AddedTokens::find(std::string_view text, std::size_t from) const {
  for (std::size_t begin = from; begin < text.size(); ++begin) {
    std::optional<Match> longest;
    std::uint32_t node = 0;
    for (std::size_t at = begin; at < text.size(); ++at) {
      node = child(node, text[at]);
      if (node == 0) break;
      if (nodes_[node].token >= 0) longest = {begin, at + 1 - begin, nodes_[node].token};
    }
    if (longest) return longest;
  }
  return std::nullopt;
}

}  // namespace sluice::text
