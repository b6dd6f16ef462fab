#include "gateway/base/ip_network.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

namespace sluice {
namespace {

bool holds(std::string_view network, std::string_view address) {
  return IpNetwork::parse(network).value().contains(parse_ip_address(address).value());
}

TEST(IpNetworkTest, HoldsTheAddressesThatShareItsPrefix) {
  EXPECT_TRUE(holds("10.0.0.0/8", "10.255.0.1"));
  EXPECT_FALSE(holds("10.0.0.0/8", "11.0.0.0"));
  EXPECT_TRUE(holds("192.168.4.0/22", "192.168.7.255"));
  EXPECT_FALSE(holds("192.168.4.0/22", "192.168.8.0"));
  EXPECT_TRUE(holds("2001:db8::/33", "2001:db8:7fff::1"));
  EXPECT_FALSE(holds("2001:db8::/33", "2001:db8:8000::1"));
  EXPECT_TRUE(holds("2001:db8::/96", "2001:db8::ffff:ffff"));
  EXPECT_FALSE(holds("2001:db8::/96", "2001:db8::1:0:0"));
}

TEST(IpNetworkTest, AnAddressAloneIsANetworkOfItself) {
  EXPECT_TRUE(holds("::1", "::1"));
  EXPECT_FALSE(holds("::1", "::2"));
  EXPECT_TRUE(holds("127.0.0.1", "127.0.0.1"));
  EXPECT_FALSE(holds("127.0.0.1", "127.0.0.2"));
}

TEST(IpNetworkTest, AnIpv4ClientOfADualStackSocketIsInItsIpv4Network) {
  EXPECT_TRUE(holds("10.0.0.0/8", "::ffff:10.1.2.3"));
  EXPECT_TRUE(holds("::ffff:0:0/96", "10.1.2.3"));
}

TEST(IpNetworkTest, AllOfOneFamilyIsNotAllOfTheOther) {
  EXPECT_TRUE(holds("0.0.0.0/0", "255.255.255.255"));
  EXPECT_FALSE(holds("0.0.0.0/0", "2001:db8::1"));
  EXPECT_TRUE(holds("::/0", "2001:db8::1"));
}

TEST(IpNetworkTest, RefusesWhatIsNoNetwork) {
  for (const std::string_view text :
       {"", "/", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0/8", "::/129", "[::1]",
        "fe80::1%eth0", "host", "10.0.0.0/8/8"}) {
    const auto network = IpNetwork::parse(text);
    ASSERT_FALSE(network) << text;
    EXPECT_EQ(network.error().kind, ErrorKind::kConfig);
    EXPECT_TRUE(network.error().detail().starts_with("must be an IP network")) << network.error().detail();
  }
  EXPECT_EQ(IpNetwork::parse("10.1.0.0/8").error().detail(),
            "has bits set behind its first 8; write the network's first address, or a longer prefix");
}

TEST(IpNetworkTest, APeersPortIsNoPartOfItsAddress) {
  EXPECT_EQ(peer_ip_address("10.1.2.3:4000"), parse_ip_address("10.1.2.3"));
  EXPECT_EQ(peer_ip_address("[2001:db8::1]:4000"), parse_ip_address("2001:db8::1"));
  EXPECT_FALSE(peer_ip_address("unix"));
  EXPECT_FALSE(peer_ip_address("unix:/run/x.sock"));
}

TEST(IpNetworkTest, ReadsTheIpv4AddressesThatInetPtonReads) {
  std::mt19937 random(3);
  int read = 0;
  for (int i = 0; i < 200'000; ++i) {
    std::string text;
    for (int octet = 0; octet < 4; ++octet) {
      if (octet > 0) text += '.';
      if (random() % 16 == 0) text += '0';
      text += std::to_string(random() % 300);
    }
    if (random() % 4 == 0) text.insert(random() % (text.size() + 1), 1, ". 09-a"[random() % 6]);
    if (random() % 4 == 0) text.erase(random() % text.size(), 1);
    unsigned char bytes[4];
    const bool expected = inet_pton(AF_INET, text.c_str(), bytes) == 1;
    const auto address = parse_ip_address(text);
    ASSERT_EQ(address.has_value(), expected) << text;
    if (!expected) continue;
    ++read;
    EXPECT_EQ(address, parse_ip_address("::ffff:" + text)) << text;
  }
  EXPECT_GT(read, 10'000);
}

}  // namespace
}  // namespace sluice
