#include "gateway/http/tls_accept.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/gateway/net/tls_pair.h"

namespace sluice {
namespace {

using Made = std::unique_ptr<Transport>;

class TlsAcceptTest : public ::testing::Test {
 protected:
  TlsAcceptTest() {
    pair_.connect();
    options_.context = test_server(pair_.server_options);
    // The client's end stays, the server's is made by what is tested.
    auto [near, far] = MemoryTransport::pair(pair_.loop);
    pair_.client_wire = near.get();
    pair_.client = TlsTransport::client(std::move(near), test_client(pair_.client_options), "site.test",
                                        pair_.sessions, "server");
    accept_ = std::make_unique<TlsAccept>(std::move(far), options_, counts_);
    run_ = std::make_unique<Child<Made>>(pair_.loop, accept_->run());
  }
  void pass(Duration time) {
    pair_.time.advance(time);
    pair_.loop.expire();
    pair_.loop.poll();
  }
  std::uint64_t failed(TlsFailure failure) const { return counts_.failed[static_cast<std::size_t>(failure)]; }
  std::uint64_t all_failed() const {
    std::uint64_t n = 0;
    for (const std::uint64_t each : counts_.failed)
      n += each;
    return n;
  }
  void expect_refused() {
    ASSERT_TRUE(run_->finished());
    EXPECT_EQ(*run_->result(), nullptr);
    EXPECT_TRUE(pair_.client_wire->peer_closed());
  }

  TlsPair pair_;
  TlsAcceptOptions options_;
  TlsCounts counts_;
  std::unique_ptr<TlsAccept> accept_;
  std::unique_ptr<Child<Made>> run_;
};

TEST_F(TlsAcceptTest, GivesTheEncryptedTransportAndCountsIt) {
  Child<TlsPair::Outcome> theirs(pair_.loop, pair_.client->handshake(kNever));
  pair_.loop.poll();
  ASSERT_TRUE(run_->finished());
  ASSERT_NE(*run_->result(), nullptr);
  EXPECT_EQ((*run_->result())->tls()->alpn, "http/1.1");
  EXPECT_EQ(counts_.completed[TlsCounts::kTls13][0], 1u);
  EXPECT_EQ(all_failed(), 0u);
}

TEST_F(TlsAcceptTest, AClientThatSaysNothingMayStayUntilTheIdleTimeout) {
  pair_.loop.poll();
  pass(options_.handshake_timeout * 2);
  EXPECT_FALSE(run_->finished());
  pass(options_.idle_timeout);
  ASSERT_TRUE(run_->finished());
  EXPECT_EQ(*run_->result(), nullptr);
  EXPECT_EQ(all_failed(), 0u);
}

TEST_F(TlsAcceptTest, TheHandshakesTimeCountsFromTheFirstByte) {
  pair_.loop.poll();
  pass(std::chrono::seconds(60));
  (void)TlsPair::write(*pair_.client_wire, "\x16");
  pair_.loop.poll();
  pass(options_.handshake_timeout - std::chrono::seconds(1));
  (void)TlsPair::write(*pair_.client_wire, "\x03");
  pair_.loop.poll();
  EXPECT_FALSE(run_->finished());
  pass(std::chrono::milliseconds(1'020));
  expect_refused();
  EXPECT_EQ(failed(TlsFailure::kTimeout), 1u);
}

TEST_F(TlsAcceptTest, PlainHttpIsAnsweredInPlainHttp) {
  (void)TlsPair::write(*pair_.client_wire, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  pair_.loop.poll();
  expect_refused();
  EXPECT_EQ(failed(TlsFailure::kPlainHttp), 1u);
  const std::string answer = TlsPair::read(*pair_.client_wire);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << answer;
  const std::size_t body = answer.find("\r\n\r\n") + 4;
  EXPECT_NE(answer.find("content-length: " + std::to_string(answer.size() - body) + "\r\n"),
            std::string::npos);
}

TEST_F(TlsAcceptTest, AFailureIsToldWithItsReason) {
  struct Told final : TlsRefusalObserver {
    void on_refused(const TlsRefusal& refused, const std::string& client) noexcept override {
      text += std::string(name(refused.failure)) + " by " + client + ";";
    }
    std::string text;
  };
  const auto told = std::make_shared<Told>();
  options_.refusals = told;
  (void)TlsPair::write(*pair_.client_wire, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  pair_.loop.poll();
  expect_refused();
  EXPECT_EQ(told->text, std::string(name(TlsFailure::kPlainHttp)) + " by memory;");
}

TEST_F(TlsAcceptTest, AClientThatLeavesIsCounted) {
  (void)TlsPair::write(*pair_.client_wire, "\x16\x03\x01");
  pair_.loop.poll();
  pair_.client.reset();
  pair_.loop.poll();
  ASSERT_TRUE(run_->finished());
  EXPECT_EQ(failed(TlsFailure::kPeerGone), 1u);
}

TEST_F(TlsAcceptTest, ItCanBeCutBeforeTheFirstByte) {
  pair_.loop.poll();
  accept_->cut();
  pair_.loop.poll();
  expect_refused();
}

TEST_F(TlsAcceptTest, ItCanBeCutInTheMiddle) {
  (void)TlsPair::write(*pair_.client_wire, "\x16\x03\x01");
  pair_.loop.poll();
  accept_->cut();
  pair_.loop.poll();
  expect_refused();
}

TEST_F(TlsAcceptTest, DestroyedInTheMiddleItLeavesNothingBehind) {
  (void)TlsPair::write(*pair_.client_wire, "\x16\x03\x01");
  pair_.loop.poll();
  run_.reset();
  accept_.reset();
  EXPECT_TRUE(pair_.client_wire->peer_closed());
  EXPECT_EQ(pair_.loop.buffers().blocks_in_use(), 0u);
  pass(std::chrono::hours(1));
}

TEST(TlsCounts, Add) {
  TlsCounts a;
  a.completed[TlsCounts::kTls12][1] = 2;
  a.failed[3] = 4;
  TlsCounts b;
  b.completed[TlsCounts::kTls12][1] = 5;
  b += a;
  EXPECT_EQ(b.completed[TlsCounts::kTls12][1], 7u);
  EXPECT_EQ(b.failed[3], 4u);
}

}  // namespace
}  // namespace sluice
