#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace sluice::worker {

// The name of a full block's contents together with all that stands before it: equal hashes, equal keys and
// values. SHA-256, so that nobody can make up a prompt that hits another one's blocks.
using BlockHash = std::array<std::uint8_t, 32>;

// vLLM's prefix-caching-hash-algo sha256_cbor: SHA-256 of the canonical CBOR (RFC 8949 4.2.1) of
// [parent, [ids of the block], extras], and of the seed string for the parent of the first block. A router
// that computes the same chain knows what is cached here.
BlockHash root_block_hash(std::string_view seed = "vllm-none-hash");

// `salt` partitions the cache; it enters the first block only, and through the chain all that follow. Empty:
// none.
BlockHash block_hash(const BlockHash& parent, std::span<const std::int32_t> tokens,
                     std::string_view salt = {});

}  // namespace sluice::worker
