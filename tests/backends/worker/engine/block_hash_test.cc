#include "backends/worker/engine/block_hash.h"

#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <vector>

namespace sluice::worker {
namespace {

std::string hex(const BlockHash& hash) {
  std::string text;
  for (const std::uint8_t byte : hash) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

std::vector<std::int32_t> from(std::int32_t first, std::size_t count = 16) {
  std::vector<std::int32_t> tokens(count);
  std::iota(tokens.begin(), tokens.end(), first);
  return tokens;
}

// Computed with an independent encoder of CBOR.
TEST(BlockHash, IsTheChainOfVllmsSha256Cbor) {
  const BlockHash root = root_block_hash();
  EXPECT_EQ(hex(root), "9bd96a485ad84efdafb72ee48a1d7a69bcead0f8f0433173941b276b9581eef0");
  const BlockHash first = block_hash(root, from(0));
  EXPECT_EQ(hex(first), "dc918a88b139e5afe60b88eda27508d4aee16c10fdc354791efea06206ac0749");
  EXPECT_EQ(hex(block_hash(first, from(1000))),
            "9401c2b375d6eca6f066c4258df430e87e46f6abed1c7520be6e288507fc9c2c");
  EXPECT_EQ(hex(block_hash(root, from(0), "tenant-a")),
            "6cb0a72bb1d5fcd9e8edc0a7c0d918f6545a8d98f4370ef894cac0191c41787a");
}

TEST(BlockHash, TellsEveryDifferenceApart) {
  const BlockHash root = root_block_hash();
  const BlockHash hash = block_hash(root, from(0));
  EXPECT_NE(block_hash(root, from(1)), hash);
  EXPECT_NE(block_hash(root, from(0, 15)), hash);
  EXPECT_NE(block_hash(hash, from(0)), hash);
  EXPECT_NE(block_hash(root, from(0), "a"), block_hash(root, from(0), "b"));
  EXPECT_NE(root_block_hash("another seed"), root);
  // Numbers of every length that CBOR knows, salts longer than their first byte can say.
  EXPECT_NE(block_hash(root, {{23, 24, 255, 256, 65535, 65536}}),
            block_hash(root, {{23, 24, 255, 256, 65535, 65537}}));
  EXPECT_NE(block_hash(root, from(0), std::string(300, 'a')),
            block_hash(root, from(0), std::string(301, 'a')));
}

}  // namespace
}  // namespace sluice::worker
