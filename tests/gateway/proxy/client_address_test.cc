#include "gateway/proxy/client_address.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace sluice {
namespace {

std::vector<IpNetwork> proxies() {
  return {*IpNetwork::parse("10.0.0.0/8"), *IpNetwork::parse("fd00::/8")};
}

using Fields = std::vector<std::pair<std::string, std::string>>;

std::string client_of(const Fields& fields, std::string_view peer = "10.0.0.1:5000") {
  Headers headers;
  for (const auto& [name, value] : fields)
    headers.add(name, value);
  return client_address(headers, peer, proxies()).text;
}

TEST(ClientAddress, IsThePeerWhereNobodyIsTrusted) {
  Headers headers;
  headers.add("x-forwarded-for", "203.0.113.9");
  const ClientAddress client = client_address(headers, "10.0.0.1:5000", {});
  EXPECT_EQ(client.text, "10.0.0.1");
  EXPECT_FALSE(client.through_proxy);
}

TEST(ClientAddress, AStrangersWordIsNotBelieved) {
  EXPECT_EQ(client_of({{"X-Forwarded-For", "203.0.113.9"}}, "198.51.100.7:4000"), "198.51.100.7");
  EXPECT_EQ(client_of({{"X-Forwarded-For", "203.0.113.9"}}, "unix"), "unix");
}

TEST(ClientAddress, IsTheLastAddressThatIsNoTrustedProxy) {
  const std::pair<const char*, const char*> cases[] = {
      {"203.0.113.9", "203.0.113.9"},
      {"6.6.6.6, 203.0.113.9", "203.0.113.9"},                     // what the client made up stands in front
      {"6.6.6.6, 203.0.113.9, 10.2.2.2,10.3.3.3", "203.0.113.9"},  // through several proxies
      {"10.9.9.9, 10.2.2.2", "10.9.9.9"},                          // all trusted: the first of the chain
      {" 203.0.113.9:4711 ", "203.0.113.9"},
      {"2001:db8::7", "2001:db8::7"},
      {"[2001:db8::7]:4711", "2001:db8::7"},
      {"::ffff:203.0.113.9", "::ffff:203.0.113.9"},
  };
  for (const auto& [list, expected] : cases)
    EXPECT_EQ(client_of({{"X-Forwarded-For", list}}), expected) << list;
}

TEST(ClientAddress, SeveralFieldsAreOneList) {
  EXPECT_EQ(client_of({{"X-Forwarded-For", "203.0.113.9"}, {"X-Forwarded-For", "10.2.2.2"}}), "203.0.113.9");
}

TEST(ClientAddress, AnEntryThatIsNoAddressEndsTheChain) {
  const std::pair<const char*, const char*> cases[] = {
      {"203.0.113.9, unknown", "10.0.0.1"},
      {"203.0.113.9, unknown, 10.2.2.2", "10.2.2.2"},
      {"203.0.113.9, , 10.2.2.2", "10.2.2.2"},
      {"203.0.113.999", "10.0.0.1"},
      {"[", "10.0.0.1"},
      {"[]", "10.0.0.1"},
      {":", "10.0.0.1"},
      {"", "10.0.0.1"},
  };
  for (const auto& [list, expected] : cases)
    EXPECT_EQ(client_of({{"X-Forwarded-For", list}}), expected) << list;
}

TEST(ClientAddress, ForwardedIsReadWhereThereIsNoXForwardedFor) {
  const std::pair<const char*, const char*> cases[] = {
      {"for=203.0.113.9", "203.0.113.9"},
      {"proto=https;For=\"[2001:db8::7]:4711\";by=10.0.0.1", "2001:db8::7"},
      {"for=6.6.6.6, for=203.0.113.9;proto=http, for=10.2.2.2", "203.0.113.9"},
      {"for=203.0.113.9, for=_hidden", "10.0.0.1"},
      {"for=203.0.113.9, proto=https", "10.0.0.1"},
      {"for=\"203.0.113.9,6.6.6.6\"", "10.0.0.1"},
      {"for=", "10.0.0.1"},
      {";;;", "10.0.0.1"},
  };
  for (const auto& [list, expected] : cases)
    EXPECT_EQ(client_of({{"Forwarded", list}}), expected) << list;
  EXPECT_EQ(client_of({{"Forwarded", "for=6.6.6.6"}, {"X-Forwarded-For", "203.0.113.9"}}), "203.0.113.9");
}

TEST(ClientAddress, OnlyTheLastHopsOfALongChainAreLookedAt) {
  std::string list = "203.0.113.9";
  for (int i = 0; i < kMaxProxyHops; ++i)
    list += ", 10.0.0." + std::to_string(i);
  EXPECT_EQ(client_of({{"X-Forwarded-For", list}}), "10.0.0.0");
}

}  // namespace
}  // namespace sluice
