#include "config/difference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>

#include "config/load.h"

namespace sluice::config {

void PrintTo(const Change& change, std::ostream* out) {
  *out << change.path << ": " << change.before.value_or("-") << " -> " << change.after.value_or("-");
}

namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Config read(const std::string& rest) {
  LoadResult loaded =
      load_text("version: 1\nlisteners: [{name: public, address: 127.0.0.1:8080}]\n" + rest, "t.yaml");
  for (const Diagnostic& d : loaded.diagnostics)
    EXPECT_NE(d.severity, Diagnostic::Severity::kError) << d.to_string();
  return std::move(loaded.config).value();
}

const std::string kClusters =
    "clusters: [{name: a, endpoints: [{address: h:1}, {address: h:2, weight: 2}]}, {name: b, endpoints: "
    "[{address: "
    "h:3}]}]\n";
const std::string kRoutes =
    "routes: [{name: one, match: {path: {prefix: /one}}, clusters: [{name: a}]}, {name: two, match: {path: "
    "{prefix: "
    "/}}, clusters: [{name: b}]}]\n";

TEST(Difference, TwoEqualConfigurationsHaveNone) {
  EXPECT_THAT(difference(read(kClusters + kRoutes), read(kClusters + kRoutes)), IsEmpty());
}

TEST(Difference, FilesOfTheSameNameAreComparedByWhatTheyHold) {
  const std::string folder = std::string(SLUICE_SOURCE_DIR) + "/tests/support/certificates/";
  Config before = read(kClusters + kRoutes);
  before.listeners[0].tls.emplace().certificates.emplace_back();
  Config after = before;
  after.listeners[0].tls->certificates[0].certificates = Certificates::load(folder + "site-ec.pem").value();
  EXPECT_THAT(difference(before, after), IsEmpty()) << "one side was not read";
  before.listeners[0].tls->certificates[0].certificates = Certificates::load(folder + "shop-ec.pem").value();
  EXPECT_FALSE(before == after);
  const std::vector<Change> changes = difference(before, after);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].path, "listeners[public].tls.certificates[0].cert_file (content)");
  EXPECT_TRUE(changes[0].before->starts_with("sha256:"));
  EXPECT_NE(changes[0].before, changes[0].after);
}

TEST(Difference, AValueIsToldWithItsPathAndUnits) {
  EXPECT_THAT(difference(read(kClusters + kRoutes), read(kClusters + kRoutes + "drain: {timeout: 90s}\n")),
              ElementsAre(Change{"drain.timeout", "25s", "90s"}));
}

TEST(Difference, ItemsAreMatchedByNameAndByAddressNotByPlace) {
  const std::string other =
      "clusters: [{name: b, endpoints: [{address: h:3}]}, {name: a, endpoints: [{address: h:1}, {address: "
      "h:2, "
      "weight: 5}]}]\n";
  EXPECT_THAT(difference(read(kClusters + kRoutes), read(other + kRoutes)),
              ElementsAre(Change{"clusters[a].endpoints[h:2].weight", "2", "5"},
                          Change{"clusters", "[a, b]", "[b, a]"}));
}

TEST(Difference, AnItemThatCameOrWentIsToldWithoutItsDefaults) {
  const std::string other =
      "clusters: [{name: a, endpoints: [{address: h:1}, {address: h:4, weight: 7}]}, {name: b, endpoints: "
      "[{address: "
      "h:3}]}]\n";
  EXPECT_THAT(difference(read(kClusters + kRoutes), read(other + kRoutes)),
              ElementsAre(Change{"clusters[a].endpoints[h:2]", "{address: h:2, weight: 2}", std::nullopt},
                          Change{"clusters[a].endpoints[h:4]", std::nullopt, "{address: h:4, weight: 7}"}));
}

TEST(Difference, AnOptionalSettingThatAppearsHasNoBefore) {
  EXPECT_THAT(
      difference(read(kClusters + kRoutes), read(kClusters + kRoutes + "admin: {socket: run/admin.sock}\n")),
      ElementsAre(Change{"admin.socket", std::nullopt, "\"run/admin.sock\""}));
}

TEST(Difference, ItemsWithoutANameAreMatchedByPlace) {
  const std::string before =
      "routes: [{match: {path: {prefix: /one}}, clusters: [{name: a}]}, {match: {path: {prefix: /}}, "
      "clusters: "
      "[{name: b}]}]\n";
  const std::string after =
      "routes: [{match: {path: {prefix: /one}}, clusters: [{name: b}]}, {match: {path: {prefix: /}}, "
      "clusters: "
      "[{name: b}]}]\n";
  EXPECT_THAT(difference(read(kClusters + before), read(kClusters + after)),
              ElementsAre(Change{"routes[0].clusters[a]", "{name: \"a\"}", std::nullopt},
                          Change{"routes[0].clusters[b]", std::nullopt, "{name: \"b\"}"}));
}

}  // namespace
}  // namespace sluice::config
