#include "config/suggest.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace sluice::config {
namespace {

TEST(Suggest, FindsWhatWasProbablyMeant) {
  constexpr std::array<std::string_view, 6> kKeys{"name",         "address", "max_connections",
                                                  "idle_timeout", "http",    "a"};
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"adress", "address"},
      {"adderss", "address"},
      {"max_conections", "max_connections"},
      {"idle-timeout", "idle_timeout"},
      {"nmae", "name"},
      {"max_conn", "max_connections"},
      {"https", "http"},
      {"htp", "http"},
      {"timeout", ""},
      {"port", ""},
      {"xyz", ""},
      {"b", ""},
      {"", ""},
  };
  for (const auto& [word, expected] : cases)
    EXPECT_EQ(suggest(word, kKeys).value_or(""), expected) << word;
}

TEST(Suggest, AVeryLongWordIsNotCompared) {
  const std::string word(65, 'a');
  const std::array<std::string_view, 1> same{word};
  EXPECT_EQ(suggest(word, same), std::nullopt);
}

}  // namespace
}  // namespace sluice::config
