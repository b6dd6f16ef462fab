#include "gateway/proxy/keyed_lists.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <vector>

namespace sluice {
namespace {

using testing::ElementsAre;

// Routes by their keys; one that is missing has none.
KeyedLists lists_of(const std::vector<std::uint32_t>& routes, const std::map<std::uint32_t, int>& keys) {
  return KeyedLists(routes, [&](std::uint32_t route) -> std::optional<std::uint64_t> {
    const auto key = keys.find(route);
    if (key == keys.end()) return std::nullopt;
    return static_cast<std::uint64_t>(key->second);
  });
}

TEST(KeyedListsTest, AKeysListHasItsRoutesAndThoseWithoutAKeyInTheirOrder) {
  const KeyedLists lists = lists_of({1, 2, 4, 5, 7, 8}, {{1, 10}, {2, 20}, {5, 10}, {7, 30}});
  EXPECT_THAT(lists[lists.find(10)], ElementsAre(1, 4, 5, 8));
  EXPECT_THAT(lists[lists.find(20)], ElementsAre(2, 4, 8));
  EXPECT_THAT(lists[lists.find(30)], ElementsAre(4, 7, 8));
  EXPECT_THAT(lists[lists.find(40)], ElementsAre(4, 8));
}

TEST(KeyedListsTest, AListWithFewKeysStaysWhole) {
  const KeyedLists lists = lists_of({1, 2, 4, 5}, {{1, 10}, {2, 20}, {5, 10}});
  EXPECT_EQ(lists.size(), 1u);
  EXPECT_THAT(lists[lists.find(10)], ElementsAre(1, 2, 4, 5));
  EXPECT_THAT(lists[lists.find(40)], ElementsAre(1, 2, 4, 5));
}

}  // namespace
}  // namespace sluice
