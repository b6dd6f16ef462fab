#include "gateway/proxy/path_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(PathIndexTest, ListsTheRoutesOfAPathInTheirOrder) {
  const PathIndex index({{PathKind::kPrefix, "/v1/chat"},
                         {PathKind::kExact, "/v1/models"},
                         {PathKind::kPrefix, "/v1"},
                         {PathKind::kPrefix, "/"},
                         {PathKind::kExact, "/v1/chat/completions"},
                         {PathKind::kPrefix, "/v2"}});
  EXPECT_THAT(index[index.find("/v1/chat/completions")], ElementsAre(0, 2, 3, 4));
  EXPECT_THAT(index[index.find("/v1/chat/x")], ElementsAre(0, 2, 3));
  EXPECT_THAT(index[index.find("/v1/models")], ElementsAre(1, 2, 3));
  EXPECT_THAT(index[index.find("/v1/models/x")], ElementsAre(2, 3));
  EXPECT_THAT(index[index.find("/v10")], ElementsAre(2, 3));
  EXPECT_THAT(index[index.find("/a")], ElementsAre(3));
  EXPECT_THAT(index[index.find("*")], IsEmpty());
}

TEST(PathIndexTest, ARouteWithAnExpressionIsACandidateEverywhere) {
  const PathIndex index({{PathKind::kExact, "/a"}, {PathKind::kRegex, ""}, {PathKind::kPrefix, "/b"}});
  EXPECT_THAT(index[index.find("/a")], ElementsAre(0, 1));
  EXPECT_THAT(index[index.find("/bc")], ElementsAre(1, 2));
  EXPECT_THAT(index[index.find("/c")], ElementsAre(1));
}

// The index against trying every route, over texts that share much.
TEST(PathIndexTest, FindsWhatTryingEveryRouteFinds) {
  std::mt19937 random(7);
  const auto text = [&](std::size_t longest) {
    std::string path = "/";
    for (std::size_t n = random() % longest; n > 0; --n)
      path += "ab/"[random() % 3];
    return path;
  };
  for (int round = 0; round < 200; ++round) {
    std::vector<std::string> texts;
    std::vector<PathIndex::Entry> entries;
    for (int i = 0; i < 30; ++i)
      texts.push_back(text(8));
    for (const std::string& t : texts)
      entries.push_back({static_cast<PathKind>(random() % 3), t});
    const PathIndex index(entries);
    for (int i = 0; i < 50; ++i) {
      const std::string path = text(10);
      std::vector<std::uint32_t> expected;
      for (std::uint32_t r = 0; r < entries.size(); ++r) {
        const auto [kind, t] = entries[r];
        if (kind == PathKind::kRegex || (kind == PathKind::kExact ? path == t : path.starts_with(t)))
          expected.push_back(r);
      }
      const auto found = index[index.find(path)];
      EXPECT_EQ(std::vector(found.begin(), found.end()), expected) << path;
    }
  }
}

}  // namespace
}  // namespace sluice
