// Sessions: which connection may go on from an earlier one.

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <chrono>

#include "tests/gateway/net/tls_pair.h"

namespace sluice {
namespace {

using ClientCertificates = TlsServerOptions::ClientCertificates;
using std::chrono::hours;

class TlsSessionsTest : public ::testing::Test {
 protected:
  TlsSessionsTest() {
    pair_.server_options.tickets = std::make_shared<TlsTicketKeys>(pair_.time, hours(12));
    pair_.server_options.name = "public";
  }
  // Connects, lets the client see its ticket, and says whether the session was an earlier one's.
  bool resumed() {
    pair_.handshake();
    EXPECT_TRUE(pair_.established());
    (void)TlsPair::read(*pair_.client);
    EXPECT_EQ(pair_.client->tls()->resumed, pair_.server->tls()->resumed);
    return pair_.server->tls()->resumed;
  }

  TlsPair pair_;
};

TEST_F(TlsSessionsTest, ASecondConnectionResumes) {
  EXPECT_FALSE(resumed());
  EXPECT_TRUE(resumed());
  EXPECT_TRUE(resumed());
}

TEST_F(TlsSessionsTest, AlsoWithTls12) {
  pair_.client_options.protocol.max_version = TlsVersion::k12;
  EXPECT_FALSE(resumed());
  EXPECT_TRUE(resumed());
}

TEST_F(TlsSessionsTest, WithoutTicketsEveryHandshakeIsWhole) {
  pair_.server_options.tickets = nullptr;
  for (const auto version : {TlsVersion::k13, TlsVersion::k12}) {
    pair_.client_options.protocol.max_version = version;
    EXPECT_FALSE(resumed());
    EXPECT_FALSE(resumed());
  }
}

TEST_F(TlsSessionsTest, TicketsOfThePreviousKeyCountAndThoseBeforeItDoNot) {
  EXPECT_FALSE(resumed());
  pair_.time.advance(hours(13));
  EXPECT_TRUE(resumed()) << "the previous key";
  pair_.time.advance(hours(10));
  EXPECT_TRUE(resumed()) << "the renewed ticket";
  pair_.time.advance(hours(25));
  EXPECT_FALSE(resumed()) << "two rotations later";
}

TEST_F(TlsSessionsTest, AnOldKeyEndsAfterTwoPeriodsWithoutAnyConnection) {
  EXPECT_FALSE(resumed());
  pair_.time.advance(hours(24));
  EXPECT_FALSE(resumed());
}

TEST_F(TlsSessionsTest, APreviousKeyEndsTwoPeriodsAfterItsBeginning) {
  TlsTicketKeys keys(pair_.time, hours(12));
  const TlsTicketKeys::Key first = keys.current();
  pair_.time.advance(hours(20));
  EXPECT_NE(keys.current().name, first.name);
  ASSERT_TRUE(keys.find(first.name));
  EXPECT_FALSE(keys.find(first.name)->current);
  pair_.time.advance(hours(4));
  EXPECT_FALSE(keys.find(first.name));
}

TEST_F(TlsSessionsTest, AShorterPeriodCountsAtOnce) {
  TlsTicketKeys keys(pair_.time, hours(12));
  const TlsTicketKeys::Key first = keys.current();
  pair_.time.advance(hours(2));
  keys.set_period(hours(1));
  EXPECT_NE(keys.current().name, first.name);
}

TEST_F(TlsSessionsTest, ANewContextWithTheSameKeysResumes) {
  EXPECT_FALSE(resumed());
  pair_.server_options.key_pairs = {test_pair("site-ec"), test_pair("shop-ec")};
  EXPECT_TRUE(resumed());
}

TEST_F(TlsSessionsTest, AnotherListenerWithTheSameKeysDoesNot) {
  EXPECT_FALSE(resumed());
  pair_.server_options.name = "internal";
  EXPECT_FALSE(resumed());
}

// As with one virtual host's session that opened another's doors (nginx, CVE-2025-23419).
TEST_F(TlsSessionsTest, NotWhenOtherClientCertificatesAreDemanded) {
  EXPECT_FALSE(resumed());
  pair_.server_options.client_certificates = ClientCertificates::kOptional;
  pair_.server_options.client_authorities = test_certificates("ca");
  EXPECT_FALSE(resumed());
  pair_.server_options.client_authorities = test_certificates("other-ca");
  EXPECT_FALSE(resumed());
}

TEST_F(TlsSessionsTest, AResumedSessionKnowsTheClientsCertificate) {
  pair_.server_options.client_certificates = ClientCertificates::kRequired;
  pair_.server_options.client_authorities = test_certificates("ca");
  pair_.client_options.certificates = test_certificates("client");
  pair_.client_options.key = test_key("client");
  EXPECT_FALSE(resumed());
  EXPECT_TRUE(resumed());
  ASSERT_TRUE(pair_.server->tls()->peer);
  EXPECT_EQ(pair_.server->tls()->peer->subject, "O=Search\\, Inc.,CN=crawler");
  EXPECT_TRUE(pair_.server->tls()->peer->verified);
}

TEST_F(TlsSessionsTest, ATicketThatWasChangedIsNoTicket) {
  EXPECT_FALSE(resumed());
  pair_.server_options.tickets = std::make_shared<TlsTicketKeys>(pair_.time, hours(12));
  EXPECT_FALSE(resumed()) << "other keys";
}

TEST(TlsSessionCache, KeepsTheLatestAndABoundedNumber) {
  TlsSessionCache cache;
  EXPECT_EQ(cache.find("a"), nullptr);
  SSL_SESSION* first = SSL_SESSION_new();
  SSL_SESSION* second = SSL_SESSION_new();
  cache.put("a", first);
  EXPECT_EQ(cache.find("a"), first);
  cache.put("a", second);
  EXPECT_EQ(cache.find("a"), second);
  EXPECT_EQ(cache.size(), 1u);
  for (std::size_t i = 0; i < TlsSessionCache::kMaxSessions; ++i)
    cache.put(std::to_string(i), SSL_SESSION_new());
  EXPECT_EQ(cache.size(), TlsSessionCache::kMaxSessions);
  EXPECT_EQ(cache.find("a"), nullptr);
  EXPECT_NE(cache.find("0"), nullptr);
}

}  // namespace
}  // namespace sluice
