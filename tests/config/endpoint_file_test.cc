#include "config/endpoint_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "config/load.h"

namespace sluice::config {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string only_diagnostic(const EndpointFile& file) {
  EXPECT_FALSE(file.endpoints.has_value());
  EXPECT_EQ(file.diagnostics.size(), 1u);
  return file.diagnostics.empty() ? "" : file.diagnostics[0].to_string();
}

TEST(EndpointFile, EndpointsAreReadAsInACluster) {
  const EndpointFile file = load_endpoint_text(
      "endpoints:\n  - {address: 'gpu-1:8000', weight: 3, zone: a, tags: [h100]}\n  - address: "
      "'10.0.0.2:8000'\n",
      "e.yaml");
  ASSERT_TRUE(file.endpoints.has_value()) << only_diagnostic(file);
  EXPECT_EQ(*file.endpoints,
            (std::vector<Endpoint>{
                {.address = Address::tcp("gpu-1", 8000), .weight = 3, .zone = "a", .tags = {"h100"}},
                {.address = Address::tcp("10.0.0.2", 8000)}}));
}

TEST(EndpointFile, WhatIsWrongIsToldWithItsPlace) {
  const auto told = [](const char* text) { return only_diagnostic(load_endpoint_text(text, "e.yaml")); };
  EXPECT_THAT(told("endpoints:\n  - {address: nonsense}\n"),
              StartsWith("e.yaml:2:15: endpoints[0].address: "));
  EXPECT_THAT(told("endpoints:\n  - {address: 'a:1'}\n  - {address: 'a:1'}\n"),
              HasSubstr("e.yaml:3:15: endpoints[1].address: a:1 is already taken by endpoints[0] in line 2"));
  EXPECT_THAT(told("endpoint: []\n"), HasSubstr("did you mean endpoints?"));
  EXPECT_THAT(told("endpoints: []\n"), HasSubstr("needs 1 to 1000 items, got 0"));
  EXPECT_THAT(told("endpoints: [{address: 'a:1', weight: 0}]\n"), HasSubstr("a weight above 0"));
  EXPECT_THAT(told("endpoints: [\n"), StartsWith("e.yaml:"));
  EXPECT_THAT(told(""), HasSubstr("is empty; it needs at least endpoints"));
  EXPECT_THAT(only_diagnostic(load_endpoint_file("/nowhere/e.yaml")),
              StartsWith("/nowhere/e.yaml: cannot be opened: No such file"));
}

class ConfigWithEndpointFile : public ::testing::Test {
 protected:
  ConfigWithEndpointFile() {
    std::string pattern = "/tmp/sluice-endpoint-file-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~ConfigWithEndpointFile() override { std::filesystem::remove_all(folder_); }

  LoadResult load() {
    std::ofstream(folder_ + "/sluice.yaml") << "version: 1\n"
                                               "listeners: [{name: public, address: '127.0.0.1:1'}]\n"
                                               "clusters:\n"
                                               "  - name: models\n"
                                               "    discovery: {file: " +
                                                   folder_ +
                                                   "/endpoints.yaml}\n"
                                                   "routes:\n"
                                                   "  - match: {path: {prefix: /}}\n"
                                                   "    clusters: [{name: models}]\n";
    return load_file(folder_ + "/sluice.yaml");
  }
  void write_endpoints(const char* text) { std::ofstream(folder_ + "/endpoints.yaml") << text; }

  std::string folder_;
};

TEST_F(ConfigWithEndpointFile, AMissingOrBrokenFileIsAWarningWithItsPlaceInBoth) {
  const LoadResult missing = load();
  ASSERT_TRUE(missing.ok());
  ASSERT_EQ(missing.diagnostics.size(), 1u);
  EXPECT_THAT(
      missing.diagnostics[0].to_string(),
      HasSubstr("sluice.yaml:5:23: warning: clusters[0].discovery.file: brings no endpoints until it is "
                "mended: " +
                folder_ + "/endpoints.yaml: cannot be opened: No such file"));
  write_endpoints("endpoints:\n  - {address: nonsense}\n");
  EXPECT_THAT(load().diagnostics.at(0).to_string(),
              HasSubstr("/endpoints.yaml:2:15: endpoints[0].address: "));
  write_endpoints("endpoints: [{address: 'a:1'}]\n");
  EXPECT_TRUE(load().diagnostics.empty());
}

}  // namespace
}  // namespace sluice::config
