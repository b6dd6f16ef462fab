// Attention over the paged cache, on every device.

#include <gtest/gtest.h>

#include <cmath>

#include "tests/backends/worker/device/device_fixture.h"

namespace sluice::worker {
namespace {

class Attention : public DeviceTest {
 protected:
  // A cache of 24 blocks, every slot of which holds something.
  std::unique_ptr<KvBlocks> filled_cache(std::int32_t block_size, std::int32_t kv_heads,
                                         std::int32_t head_dim) {
    auto cache = device_->allocate_kv({24, block_size, kv_heads, head_dim});
    const auto slots = static_cast<std::size_t>(24 * block_size);
    const std::size_t columns = static_cast<std::size_t>(kv_heads) * static_cast<std::size_t>(head_dim);
    keys_ = random_values(slots * columns, 9);
    values_ = random_values(slots * columns, 10);
    std::vector<std::int32_t> all;
    for (std::size_t slot = 0; slot < slots; ++slot)
      all.push_back(static_cast<std::int32_t>(slot));
    device_->write_kv(*device_->upload(keys_), *device_->upload(values_), all, *cache);
    return cache;
  }

  std::vector<float> attend(const std::vector<float>& queries, std::int32_t heads, const KvBlocks& cache,
                            const std::vector<SequenceRows>& sequences) {
    const auto out = device_->allocate(queries.size());
    device_->attention(*device_->upload(queries), heads, cache, sequences, *out);
    return contents(*out);
  }

  std::vector<float> keys_, values_;  // by slot
};
INSTANTIATE_TEST_SUITE_P(Devices, Attention, ::testing::ValuesIn(device_cases()),
                         [](const auto& test) { return test.param.name; });

struct Sizes {
  std::int32_t block_size, heads, kv_heads, head_dim, first_position, rows;
};

TEST_P(Attention, WeighsTheValuesOfTheSequencesOwnBlocksUpToItsPosition) {
  const std::vector<std::int32_t> blocks{3, 0, 23, 7, 1, 2, 4, 5, 6, 8, 9, 10, 22, 11, 12, 13, 14, 15};
  for (const Sizes& s :
       {Sizes{8, 4, 2, 6, 19, 2}, Sizes{16, 2, 2, 16, 0, 40}, Sizes{16, 6, 2, 64, 130, 3},
        Sizes{4, 3, 1, 20, 5, 50}, Sizes{32, 40, 1, 8, 70, 2}, Sizes{16, 8, 4, 40, 255, 1}}) {
    const auto cache = filled_cache(s.block_size, s.kv_heads, s.head_dim);
    const auto dim = static_cast<std::size_t>(s.head_dim);
    const auto heads = static_cast<std::size_t>(s.heads);
    const auto kv_heads = static_cast<std::size_t>(s.kv_heads);
    const auto rows = static_cast<std::size_t>(s.rows);
    const auto queries = random_values(rows * heads * dim, 11);
    const auto got = attend(queries, s.heads, *cache, {{0, s.rows, s.first_position, blocks}});
    const auto place = [&](std::size_t p, std::size_t h) {
      const auto size = static_cast<std::size_t>(s.block_size);
      const std::size_t slot = static_cast<std::size_t>(blocks[p / size]) * size + p % size;
      return (slot * kv_heads + h / (heads / kv_heads)) * dim;
    };
    for (std::size_t r = 0; r < rows; ++r) {
      const std::size_t length = static_cast<std::size_t>(s.first_position) + r + 1;
      for (std::size_t h = 0; h < heads; ++h) {
        std::vector<double> shares;
        double total = 0;
        for (std::size_t p = 0; p < length; ++p) {
          double score = 0;
          for (std::size_t i = 0; i < dim; ++i)
            score += double{queries[(r * heads + h) * dim + i]} * kept(keys_[place(p, h) + i]);
          shares.push_back(std::exp(score / std::sqrt(static_cast<double>(dim))));
          total += shares.back();
        }
        for (std::size_t i = 0; i < dim; ++i) {
          double expected = 0;
          for (std::size_t p = 0; p < length; ++p)
            expected += shares[p] / total * kept(values_[place(p, h) + i]);
          ASSERT_NEAR(got[(r * heads + h) * dim + i], expected, 2e-5)
              << "row " << r << " head " << h << " of " << s.heads << "/" << s.kv_heads << "x" << s.head_dim;
        }
      }
    }
  }
}

// Attention is computed by our own kernels beside any products: the promise is that of every device here.
TEST_P(Attention, OfAQueryIsTheSameToTheBitAloneAndAmongOthersAndInOtherBlocks) {
  const std::size_t dim = 24;
  const std::size_t heads = 6;
  const std::int32_t rows = 75;
  const std::int32_t first = 45;
  const std::vector<std::int32_t> blocks{3, 0, 23, 7, 1, 2, 4, 5};
  const auto cache = filled_cache(16, 2, dim);
  const auto queries = random_values(static_cast<std::size_t>(rows) * heads * dim, 12);
  const auto expected = attend(queries, heads, *cache, {{0, rows, first, blocks}});

  // The same keys and values in other blocks.
  const std::vector<std::int32_t> elsewhere{8, 21, 9, 20, 10, 11, 19, 12};
  std::vector<float> keys, values;
  std::vector<std::int32_t> slots;
  for (std::int32_t p = 0; p < first + rows; ++p) {
    const auto b = static_cast<std::size_t>(p / 16);
    const auto from =
        static_cast<std::ptrdiff_t>(blocks[b] * 16 + p % 16) * 2 * static_cast<std::ptrdiff_t>(dim);
    keys.insert(keys.end(), keys_.begin() + from, keys_.begin() + from + 2 * dim);
    values.insert(values.end(), values_.begin() + from, values_.begin() + from + 2 * dim);
    slots.push_back(elsewhere[b] * 16 + p % 16);
  }
  device_->write_kv(*device_->upload(keys), *device_->upload(values), slots, *cache);

  for (std::int32_t from = 0; from < rows;) {
    const std::int32_t count = std::min(rows - from, 1 + from % 9);
    // Behind a stranger's two rows.
    auto some = random_values(2 * heads * dim, static_cast<unsigned>(from));
    const auto begin = queries.begin() + from * static_cast<std::ptrdiff_t>(heads * dim);
    some.insert(some.end(), begin, begin + count * static_cast<std::ptrdiff_t>(heads * dim));
    const std::vector<std::int32_t> strangers{13, 14};
    const auto got =
        attend(some, heads, *cache, {{0, 2, 20, strangers}, {2, count, first + from, elsewhere}});
    for (std::size_t i = 2 * heads * dim; i < got.size(); ++i) {
      ASSERT_EQ(got[i], expected[static_cast<std::size_t>(from) * heads * dim + i - 2 * heads * dim])
          << "rows " << from << " to " << from + count;
    }
    from += count;
  }
}

}  // namespace
}  // namespace sluice::worker
