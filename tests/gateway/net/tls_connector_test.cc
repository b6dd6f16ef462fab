#include "gateway/net/tls_connector.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/gateway/net/tls_pair.h"

namespace sluice {
namespace {

using Connected = Result<std::unique_ptr<Transport>>;

// Connects to a server in the test, which speaks as its context says, or to nobody.
class FarServer final : public Connector {
 public:
  explicit FarServer(Loop& loop) : loop_(loop) {}

  Task<Connected> connect(const Address&, TimePoint) override {
    if (refuses) co_return fail(ErrorKind::kConnectFailed, "refused", Retriable::kAlways);
    auto [near, far] = MemoryTransport::pair(loop_);
    if (context != nullptr) {
      server = TlsTransport::server(std::move(far), context);
      shaking_ = std::make_unique<Child<std::optional<TlsRefusal>>>(loop_, server->handshake(kNever));
    } else {
      silent_ = std::move(far);
    }
    co_return std::unique_ptr<Transport>(std::move(near));
  }

  bool refuses = false;
  std::shared_ptr<const TlsServerContext> context;  // null: it says nothing
  std::unique_ptr<TlsTransport> server;

 private:
  Loop& loop_;
  std::unique_ptr<Transport> silent_;
  std::unique_ptr<Child<std::optional<TlsRefusal>>> shaking_;
};

class TlsConnectorTest : public ::testing::Test, public TlsObserver {
 protected:
  TlsConnectorTest() {
    TlsServerOptions options;
    options.key_pairs = {test_pair("backend")};
    options.tickets = std::make_shared<TlsTicketKeys>(time_, std::chrono::hours(1));
    far_.context = test_server(std::move(options));
    client_.authorities = test_certificates("ca");
    make("backend.test");
  }

  void make(std::optional<std::string> server_name) {
    connector_ = std::make_unique<TlsConnector>(far_, test_client(client_), std::move(server_name), *this);
  }
  Connected connect(const Address& address = Address::tcp("backend.test", 8443)) {
    Child<Connected> child(loop_, connector_->connect(address, loop_.now() + std::chrono::seconds(1)));
    loop_.poll();
    if (!child.finished()) {
      time_.advance(std::chrono::milliseconds(1'020));
      loop_.expire();
      loop_.poll();
    }
    EXPECT_TRUE(child.finished());
    Connected result = std::move(const_cast<Connected&>(*child.result()));
    return result;
  }

  ManualTime time_;
  Loop loop_{time_, 1};
  FarServer far_{loop_};
  TlsClientOptions client_;
  std::vector<bool> resumed_;
  std::vector<TlsFailure> failures_;
  std::unique_ptr<TlsConnector> connector_;

 private:
  void on_handshake(const TlsState& state) noexcept override { resumed_.push_back(state.resumed); }
  void on_failure(TlsFailure failure) noexcept override { failures_.push_back(failure); }
};

TEST_F(TlsConnectorTest, GivesATransportThatSpeaksTls) {
  const Connected connected = connect();
  ASSERT_TRUE(connected) << connected.error().detail();
  EXPECT_EQ((*connected)->tls()->version, "TLSv1.3");
  EXPECT_EQ(far_.server->tls()->server_name, "backend.test");
  EXPECT_EQ(resumed_, std::vector<bool>{false});
}

TEST_F(TlsConnectorTest, TheHostOfTheAddressMustBeProvenWhereNoNameIsSet) {
  make(std::nullopt);
  EXPECT_TRUE(connect());
  EXPECT_TRUE(connect(Address::tcp("127.0.0.1", 8443)));
  const Connected refused = connect(Address::tcp("10.0.0.1", 8443));
  ASSERT_FALSE(refused);
  EXPECT_EQ(failures_, std::vector{TlsFailure::kName});
}

TEST_F(TlsConnectorTest, AServerThatIsNotTrustedIsAFailedConnectThatMayBeTriedElsewhere) {
  client_.authorities = test_certificates("other-ca");
  make("backend.test");
  const Connected refused = connect();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kConnectFailed);
  EXPECT_EQ(refused.error().retriable, Retriable::kAlways);
  EXPECT_EQ(refused.error().detail(),
            "TLS with backend.test:8443: certificate verify failed: unable to get local issuer certificate");
  EXPECT_EQ(failures_, std::vector{TlsFailure::kCertificate});
}

TEST_F(TlsConnectorTest, TheHandshakeSharesTheConnectsDeadline) {
  far_.context = nullptr;
  const Connected late = connect();
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, ErrorKind::kConnectTimeout);
  EXPECT_EQ(failures_, std::vector{TlsFailure::kTimeout});
}

TEST_F(TlsConnectorTest, WhatFailsBelowIsPassedOn) {
  far_.refuses = true;
  const Connected refused = connect();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().detail(), "refused");
  EXPECT_TRUE(failures_.empty());
}

TEST_F(TlsConnectorTest, TheNextConnectionToTheSameServerResumes) {
  for (int i = 0; i < 3; ++i) {
    const Connected connected = connect();
    ASSERT_TRUE(connected);
    EXPECT_EQ(TlsPair::read(**connected), "");  // takes the ticket
  }
  EXPECT_EQ(resumed_, (std::vector<bool>{false, true, true}));
}

TEST_F(TlsConnectorTest, AConnectionMayOutliveItsConnector) {
  const Connected connected = connect();
  ASSERT_TRUE(connected);
  connector_.reset();
  EXPECT_EQ(TlsPair::read(**connected), "");
  (void)TlsPair::write(**connected, "still");
  EXPECT_EQ(TlsPair::read(*far_.server), "still");
}

}  // namespace
}  // namespace sluice
