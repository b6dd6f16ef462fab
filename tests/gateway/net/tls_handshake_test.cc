// Who gets a connection and who does not, and what is known of it then.

#include <gtest/gtest.h>

#include <string>

#include "tests/gateway/net/tls_pair.h"

namespace sluice {
namespace {

using ClientCertificates = TlsServerOptions::ClientCertificates;

class TlsHandshakeTest : public ::testing::Test {
 protected:
  // The subject of the certificate that a client sees which asks for the name.
  std::string served_to(const std::string& name) {
    TlsPair pair;
    pair.server_options = pair_.server_options;
    pair.server_name = name;
    pair.client_options.verify = false;
    pair.handshake();
    return pair.established() ? pair.client->tls()->peer->subject : "none";
  }
  void give_client_certificate(const std::string& name) {
    pair_.client_options.certificates = test_certificates(name);
    pair_.client_options.key = test_key(name);
  }
  void ask_for_client_certificates(ClientCertificates demand) {
    pair_.server_options.client_certificates = demand;
    pair_.server_options.client_authorities = test_certificates("ca");
  }
  TlsFailure server_failure() const {
    return pair_.server_outcome ? pair_.server_outcome->failure : TlsFailure::kTimeout;
  }
  TlsFailure client_failure() const {
    return pair_.client_outcome ? pair_.client_outcome->failure : TlsFailure::kTimeout;
  }

  TlsPair pair_;
};

TEST_F(TlsHandshakeTest, TellsWhatWasAgreedOn) {
  pair_.handshake();
  ASSERT_TRUE(pair_.established());
  const TlsState& state = *pair_.server->tls();
  EXPECT_EQ(state.version, "TLSv1.3");
  EXPECT_EQ(state.cipher, "TLS_AES_256_GCM_SHA384");
  EXPECT_EQ(state.alpn, "http/1.1");
  EXPECT_EQ(state.server_name, "site.test");
  EXPECT_FALSE(state.resumed);
  EXPECT_FALSE(state.peer);
  EXPECT_EQ(pair_.client->tls()->alpn, "http/1.1");
}

TEST_F(TlsHandshakeTest, PlainTransportsHaveNothingToTell) {
  pair_.connect();
  EXPECT_EQ(pair_.client_wire->tls(), nullptr);
  EXPECT_EQ(pair_.client->tls(), nullptr);
}

TEST_F(TlsHandshakeTest, EveryByteBoundaryWillDo) {
  pair_.connect();
  pair_.client_wire->limit_reads(1);
  pair_.server_wire->limit_reads(1);
  Child<TlsPair::Outcome> theirs(pair_.loop, pair_.client->handshake(kNever));
  Child<TlsPair::Outcome> ours(pair_.loop, pair_.server->handshake(kNever));
  pair_.loop.poll();
  ASSERT_TRUE(theirs.finished() && ours.finished());
  EXPECT_FALSE(theirs.result()->has_value());
  EXPECT_FALSE(ours.result()->has_value());
}

TEST_F(TlsHandshakeTest, AWireThatHoldsFewBytesWillDo) {
  pair_.capacity = 7;
  pair_.handshake();
  EXPECT_TRUE(pair_.established());
}

TEST_F(TlsHandshakeTest, ASlowOneEndsAtItsDeadlineAndNotLater) {
  pair_.connect();
  Child<TlsPair::Outcome> ours(pair_.loop,
                               pair_.server->handshake(pair_.loop.now() + std::chrono::seconds(10)));
  // A byte each second keeps nobody.
  for (int i = 0; i < 9; ++i) {
    const std::string_view byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc", 9);
    (void)TlsPair::write(*pair_.client_wire, byte.substr(static_cast<std::size_t>(i), 1));
    pair_.time.advance(std::chrono::seconds(1));
    pair_.loop.expire();
    pair_.loop.poll();
    ASSERT_FALSE(ours.finished());
  }
  pair_.time.advance(std::chrono::milliseconds(1'020));
  pair_.loop.expire();
  pair_.loop.poll();
  ASSERT_TRUE(ours.finished());
  EXPECT_EQ((*ours.result())->failure, TlsFailure::kTimeout);
}

TEST_F(TlsHandshakeTest, OneThatTakesNoBytesEndsAtItsDeadline) {
  pair_.capacity = 600;
  pair_.connect();
  Child<TlsPair::Outcome> ours(pair_.loop,
                               pair_.server->handshake(pair_.loop.now() + std::chrono::seconds(10)));
  {
    Child<TlsPair::Outcome> theirs(pair_.loop, pair_.client->handshake(kNever));
  }
  pair_.loop.poll();
  ASSERT_FALSE(ours.finished());
  pair_.time.advance(std::chrono::seconds(11));
  pair_.loop.expire();
  pair_.loop.poll();
  ASSERT_TRUE(ours.finished());
  EXPECT_EQ((*ours.result())->failure, TlsFailure::kTimeout);
}

TEST_F(TlsHandshakeTest, AClientThatLeavesEndsIt) {
  pair_.connect();
  Child<TlsPair::Outcome> ours(pair_.loop, pair_.server->handshake(kNever));
  (void)TlsPair::write(*pair_.client_wire, "\x16\x03\x01");
  pair_.client.reset();
  pair_.loop.poll();
  ASSERT_TRUE(ours.finished());
  EXPECT_EQ((*ours.result())->failure, TlsFailure::kPeerGone);
}

TEST_F(TlsHandshakeTest, PlainHttpIsToldApartFromOtherGarbage) {
  for (const auto& [bytes, failure] :
       {std::pair{"GET / HTTP/1.1\r\n\r\n", TlsFailure::kPlainHttp},
        std::pair{"PATCH /a HTTP/1.1\r\n\r\n", TlsFailure::kPlainHttp},
        std::pair{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", TlsFailure::kPlainHttp},
        std::pair{"SSH-2.0-x\r\n", TlsFailure::kPlainHttp},
        std::pair{"\x01\x02\x03\x04\x05\x06\x07\x08", TlsFailure::kProtocol}}) {
    pair_.connect();
    Child<TlsPair::Outcome> ours(pair_.loop, pair_.server->handshake(kNever));
    (void)TlsPair::write(*pair_.client_wire, bytes);
    pair_.loop.poll();
    ASSERT_TRUE(ours.finished()) << bytes;
    EXPECT_EQ((*ours.result())->failure, failure) << bytes;
  }
}

TEST_F(TlsHandshakeTest, VersionsBelowTheMinimumAreRefused) {
  pair_.server_options.protocol.min_version = TlsVersion::k13;
  pair_.client_options.protocol.max_version = TlsVersion::k12;
  pair_.handshake();
  EXPECT_EQ(server_failure(), TlsFailure::kVersion);
  EXPECT_EQ(client_failure(), TlsFailure::kVersion);
}

TEST_F(TlsHandshakeTest, Tls12IsSpokenByDefault) {
  pair_.client_options.protocol.max_version = TlsVersion::k12;
  pair_.handshake();
  ASSERT_TRUE(pair_.established());
  EXPECT_EQ(pair_.server->tls()->version, "TLSv1.2");
  EXPECT_EQ(pair_.server->tls()->cipher, "ECDHE-ECDSA-AES128-GCM-SHA256");
}

TEST_F(TlsHandshakeTest, NothingInCommonIsRefused) {
  pair_.server_options.protocol.cipher_suites = {"TLS_AES_128_GCM_SHA256"};
  pair_.client_options.protocol.cipher_suites = {"TLS_CHACHA20_POLY1305_SHA256"};
  pair_.client_options.protocol.min_version = TlsVersion::k13;
  pair_.handshake();
  EXPECT_EQ(server_failure(), TlsFailure::kCipher);
}

TEST_F(TlsHandshakeTest, TheServersFirstProtocolInCommonIsTaken) {
  pair_.server_options.alpn = {"h2", "http/1.1"};
  pair_.client_options.alpn = {"http/1.1", "h2"};
  pair_.handshake();
  ASSERT_TRUE(pair_.established());
  EXPECT_EQ(pair_.server->tls()->alpn, "h2");
}

TEST_F(TlsHandshakeTest, OnlyUnknownProtocolsAreRefusedWithAnAlert) {
  pair_.client_options.alpn = {"spdy/3"};
  pair_.handshake();
  EXPECT_EQ(server_failure(), TlsFailure::kAlpn);
  EXPECT_EQ(client_failure(), TlsFailure::kAlert);
  EXPECT_NE(pair_.client_outcome->detail.find("no application protocol"), std::string::npos);
}

TEST_F(TlsHandshakeTest, AClientThatSpeaksOfNoProtocolIsServed) {
  pair_.client_options.alpn = {};
  pair_.handshake();
  ASSERT_TRUE(pair_.established());
  EXPECT_EQ(pair_.server->tls()->alpn, "");
}

TEST_F(TlsHandshakeTest, TheCertificateFollowsTheNameAskedFor) {
  pair_.server_options.key_pairs = {test_pair("site-ec"), test_pair("shop-ec")};
  EXPECT_EQ(served_to("site.test"), "CN=site.test");
  EXPECT_EQ(served_to("shop.test"), "CN=shop.test");
  EXPECT_EQ(served_to("SHOP.Test."), "CN=shop.test");
  EXPECT_EQ(served_to("any.wild.test"), "CN=site.test");
  EXPECT_EQ(served_to("exact.wild.test"), "CN=shop.test");
  EXPECT_EQ(served_to("unknown.test"), "CN=site.test");
  EXPECT_EQ(served_to("127.0.0.1"), "CN=site.test");
}

TEST_F(TlsHandshakeTest, AWildcardStandsForOneLabel) {
  pair_.server_options.key_pairs = {test_pair("shop-ec"), test_pair("site-ec")};
  EXPECT_EQ(served_to("a.wild.test"), "CN=site.test");
  EXPECT_EQ(served_to("a.b.wild.test"), "CN=shop.test");
  EXPECT_EQ(served_to("wild.test"), "CN=shop.test");
}

TEST_F(TlsHandshakeTest, TwoAlgorithmsServeOneName) {
  pair_.server_options.key_pairs = {test_pair("shop-ec"), test_pair("site-ec"), test_pair("site-rsa")};
  pair_.client_options.protocol.max_version = TlsVersion::k12;
  for (const char* cipher : {"ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"}) {
    pair_.client_options.protocol.ciphers = {cipher};
    pair_.handshake();
    ASSERT_TRUE(pair_.established()) << cipher;
    EXPECT_EQ(pair_.server->tls()->cipher, cipher);
  }
}

TEST_F(TlsHandshakeTest, AServerOfAnUnknownAuthorityIsRefusedAndTheErrorSaysSo) {
  pair_.client_options.authorities = test_certificates("other-ca");
  pair_.handshake();
  EXPECT_EQ(client_failure(), TlsFailure::kCertificate);
  EXPECT_NE(pair_.client_outcome->detail.find("unable to get local issuer certificate"), std::string::npos)
      << pair_.client_outcome->detail;
  EXPECT_EQ(server_failure(), TlsFailure::kAlert);
}

TEST_F(TlsHandshakeTest, AServerOfAnotherNameIsRefused) {
  pair_.server_name = "shop.test";
  pair_.handshake();
  EXPECT_EQ(client_failure(), TlsFailure::kName);
}

TEST_F(TlsHandshakeTest, AnExpiredServerIsRefused) {
  pair_.server_options.key_pairs = {test_pair("expired")};
  pair_.server_name = "expired.test";
  pair_.handshake();
  EXPECT_EQ(client_failure(), TlsFailure::kCertificate);
  EXPECT_NE(pair_.client_outcome->detail.find("expired"), std::string::npos);
}

TEST_F(TlsHandshakeTest, AddressesAreNamesToo) {
  pair_.server_options.key_pairs = {test_pair("backend")};
  for (const auto& [name, good] :
       {std::pair{"127.0.0.1", true}, std::pair{"::1", true}, std::pair{"127.0.0.2", false}}) {
    pair_.server_name = name;
    pair_.handshake();
    EXPECT_EQ(pair_.established(), good) << name;
    if (good) {
      EXPECT_EQ(pair_.server->tls()->server_name, "");
    } else {
      EXPECT_EQ(client_failure(), TlsFailure::kName);
    }
  }
}

TEST_F(TlsHandshakeTest, AServerWithoutANameToCheckIsRefused) {
  pair_.server_name = "";
  pair_.connect();
  Child<TlsPair::Outcome> theirs(pair_.loop, pair_.client->handshake(kNever));
  ASSERT_TRUE(theirs.finished());
  EXPECT_TRUE(theirs.result()->has_value());
}

TEST_F(TlsHandshakeTest, WhoDoesNotVerifyTakesAnyServer) {
  pair_.client_options.verify = false;
  pair_.server_options.key_pairs = {test_pair("expired")};
  pair_.handshake();
  EXPECT_TRUE(pair_.established());
}

TEST_F(TlsHandshakeTest, AClientsCertificateIsTold) {
  ask_for_client_certificates(ClientCertificates::kRequired);
  give_client_certificate("client");
  pair_.handshake();
  ASSERT_TRUE(pair_.established());
  ASSERT_TRUE(pair_.server->tls()->peer);
  const PeerCertificate& peer = *pair_.server->tls()->peer;
  EXPECT_EQ(peer.subject, "O=Search\\, Inc.,CN=crawler");
  EXPECT_TRUE(peer.verified);
  EXPECT_EQ(peer.fingerprint.size(), 64u);
  EXPECT_EQ(peer.names, (std::vector<AlternativeName>{{"DNS", "crawler.test"},
                                                      {"URI", "spiffe://test/ns/search/sa/crawler"}}));
}

TEST_F(TlsHandshakeTest, AMissingClientCertificateIsRefusedWhereOneIsRequired) {
  ask_for_client_certificates(ClientCertificates::kRequired);
  pair_.handshake();
  EXPECT_EQ(server_failure(), TlsFailure::kNoCertificate);
}

TEST_F(TlsHandshakeTest, AMissingClientCertificateIsFineWhereItIsOptional) {
  ask_for_client_certificates(ClientCertificates::kOptional);
  pair_.handshake();
  ASSERT_TRUE(pair_.established());
  EXPECT_FALSE(pair_.server->tls()->peer);
}

TEST_F(TlsHandshakeTest, AStrangersCertificateIsRefusedAlsoWhereItIsOptional) {
  for (const auto demand : {ClientCertificates::kRequired, ClientCertificates::kOptional}) {
    ask_for_client_certificates(demand);
    give_client_certificate("stranger");
    pair_.handshake();
    EXPECT_EQ(server_failure(), TlsFailure::kCertificate);
  }
}

TEST_F(TlsHandshakeTest, NobodyIsAskedForACertificateByDefault) {
  give_client_certificate("stranger");
  pair_.handshake();
  ASSERT_TRUE(pair_.established());
  EXPECT_FALSE(pair_.server->tls()->peer);
}

TEST_F(TlsHandshakeTest, CancelledWhereverItWaitsItLeavesNothingBehind) {
  std::string hello(2000, '\0');
  pair_.connect();
  {
    Child<TlsPair::Outcome> theirs(pair_.loop, pair_.client->handshake(kNever));
    hello.resize(pair_.server_wire->try_read(hello).bytes);
  }
  for (const std::size_t part :
       {std::size_t{0}, std::size_t{1}, std::size_t{5}, hello.size() - 1, hello.size()}) {
    pair_.capacity = 600;  // less than what the server answers
    pair_.connect();
    {
      Child<TlsPair::Outcome> ours(pair_.loop,
                                   pair_.server->handshake(pair_.loop.now() + std::chrono::seconds(5)));
      (void)TlsPair::write(*pair_.client_wire, std::string_view(hello).substr(0, part));
      pair_.loop.poll();
      ASSERT_FALSE(ours.finished());
    }
    pair_.server.reset();
    EXPECT_EQ(pair_.loop.buffers().blocks_in_use(), 0u);
    // A timer left behind would fire into freed memory.
    pair_.time.advance(std::chrono::hours(1));
    pair_.loop.expire();
    pair_.loop.poll();
  }
}

}  // namespace
}  // namespace sluice
