#include "gateway/base/address.h"

#include <gtest/gtest.h>

#include <string>
#include <unordered_set>

namespace sluice {
namespace {

TEST(Address, EveryFormIsReadAndPrintedAgain) {
  for (const char* text : {"0.0.0.0:8443", "127.0.0.1:0", "[::]:8443", "[2001:db8::1]:80", "gpu-1:8000",
                           "vllm.prod.svc:65535", "model_a:1", "unix:run/x.sock", "unix:/run/x:y.sock"}) {
    const Result<Address> address = parse_address(text);
    ASSERT_TRUE(address.has_value()) << text << ": " << address.error().detail();
    EXPECT_EQ(address->to_string(), text);
    EXPECT_EQ(parse_address(address->to_string()).value(), *address);
  }
}

TEST(Address, TheTwoSpellingsOfOneAddressAreEqual) {
  EXPECT_EQ(parse_address("[2001:0DB8:0:0::1]:80").value(), parse_address("[2001:db8::1]:80").value());
  EXPECT_EQ(parse_address("GPU-1:80").value(), parse_address("gpu-1:80").value());
  std::unordered_set<Address> set{*parse_address("[::0]:1"), *parse_address("[::]:1"),
                                  *parse_address("[::]:2")};
  EXPECT_EQ(set.size(), 2U);
}

TEST(Address, ThePartsAreKeptApart) {
  const Address tcp = parse_address("[::1]:80").value();
  EXPECT_EQ(tcp.kind, Address::Kind::kTcp);
  EXPECT_EQ(tcp.host, "::1");
  EXPECT_EQ(tcp.port, 80);
  const Address local = parse_address("unix:run/x.sock").value();
  EXPECT_EQ(local.kind, Address::Kind::kUnix);
  EXPECT_EQ(local.path, "run/x.sock");
}

struct BadAddress {
  std::string text;
  std::string detail;
};

TEST(Address, EveryMistakeIsNamed) {
  const BadAddress cases[] = {
      {"", "needs a port, for example 127.0.0.1:8080, or unix: before a path"},
      {"localhost", "needs a port, for example 127.0.0.1:8080, or unix: before a path"},
      {"::1:80", "needs brackets around an IPv6 address, for example [::1]:8080"},
      {"[::1]", "needs a port after the brackets, for example [::]:8443"},
      {"[::1", "needs a port after the brackets, for example [::]:8443"},
      {"[::1]80", "needs a port after the brackets, for example [::]:8443"},
      {"[::g]:80", "has no IPv6 address between its brackets"},
      {"[127.0.0.1]:80", "has no IPv6 address between its brackets"},
      {"[::1]:", "needs a port from 0 to 65535"},
      {"localhost:", "needs a port from 0 to 65535"},
      {"localhost:65536", "needs a port from 0 to 65535"},
      {"localhost:-1", "needs a port from 0 to 65535"},
      {"localhost:80x", "needs a port from 0 to 65535"},
      {"10.0.0.300:80", "has no valid IPv4 address or DNS name before its port"},
      {"10.0.1:80", "has no valid IPv4 address or DNS name before its port"},
      {":80", "has no valid IPv4 address or DNS name before its port"},
      {"a..b:80", "has no valid IPv4 address or DNS name before its port"},
      {"a b:80", "has no valid IPv4 address or DNS name before its port"},
      {std::string(64, 'a') + ":80", "has no valid IPv4 address or DNS name before its port"},
      {"unix:", "needs a path after unix:"},
      {"unix:" + std::string(108, 'a'), "is longer than the 107 bytes of a socket path"},
      {std::string("unix:a\0b", 8), "has a NUL byte in its path"},
  };
  for (const BadAddress& bad : cases) {
    const Result<Address> address = parse_address(bad.text);
    ASSERT_FALSE(address.has_value()) << bad.text;
    EXPECT_EQ(address.error().detail(), bad.detail) << bad.text;
    EXPECT_EQ(address.error().kind, ErrorKind::kConfig);
  }
}

}  // namespace
}  // namespace sluice
