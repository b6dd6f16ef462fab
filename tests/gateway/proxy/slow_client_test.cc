// A client that reads slowly, or not at all, costs a bounded number of bytes.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/support/memory_gateway.h"

namespace sluice::test {
namespace {

constexpr std::uint64_t kAnswerBytes = 100'000'000;
constexpr std::size_t kBuffer = 16 * 1024;
constexpr std::size_t kWire = 32 * 1024;  // what the network itself holds in each direction of a connection
constexpr std::size_t kHeads = 1024;

// Bytes that tell their place: a run of `size` bytes from `offset` on.
class Pattern {
 public:
  Pattern() : bytes_(kPeriod + kMost, '\0') {
    std::uint32_t x = 1;
    for (std::size_t i = 0; i < kPeriod; ++i) {
      x = x * 1664525 + 1013904223;
      bytes_[i] = static_cast<char>(x >> 24);
    }
    std::copy_n(bytes_.begin(), kMost, bytes_.begin() + kPeriod);
  }
  std::string_view at(std::uint64_t offset, std::size_t size) const {
    return std::string_view(bytes_).substr(offset % kPeriod, size);
  }
  static constexpr std::size_t kMost = 64 * 1024;

 private:
  static constexpr std::size_t kPeriod = 65'521;  // a prime: no buffer's size divides it
  std::string bytes_;
};

class SlowClientTest : public ::testing::Test {
 protected:
  SlowClientTest() : gateway_({.stream_buffer_bytes = kBuffer, .client_capacity = kWire}) {
    gateway_.network.set_capacity(kWire);
    client_.emplace(gateway_.connect());
    client_->send(get("/large"));
    backend_ = gateway_.network.take("one:1");
    backend_->received();
    head_ = "HTTP/1.1 200 OK\r\ncontent-length: " + std::to_string(kAnswerBytes) + "\r\n\r\n";
    EXPECT_EQ(backend_->send(head_), head_.size());
  }

  // The backend sends as much as it can without the gateway's running.
  void offer() {
    while (sent_ < kAnswerBytes) {
      const std::size_t most = std::min<std::uint64_t>(Pattern::kMost, kAnswerBytes - sent_);
      const std::size_t n = backend_->send(pattern_.at(sent_, most));
      if (n == 0) return;
      sent_ += n;
    }
  }
  void offer_until_nothing_moves() {
    std::uint64_t before = 0;
    do {
      before = sent_;
      offer();
      gateway_.t.turn();
    } while (sent_ != before);
  }

  Pattern pattern_;
  MemoryGateway gateway_;
  std::optional<TestClient> client_;
  std::unique_ptr<BackendEnd> backend_;
  std::string head_;
  std::uint64_t sent_ = 0;
};

TEST_F(SlowClientTest, AClientThatReadsNothingStopsTheBackendAfterOneBuffer) {
  offer_until_nothing_moves();
  EXPECT_LE(sent_, kBuffer + 2 * kWire + kHeads);
  EXPECT_GT(sent_, kWire) << "the wires themselves are full";
  EXPECT_LE(gateway_.loop.buffers().blocks_in_use(), 1u);
  gateway_.t.advance(std::chrono::seconds(30));
  offer_until_nothing_moves();
  EXPECT_LE(sent_, kBuffer + 2 * kWire + kHeads) << "time does not open the buffer";
}

TEST_F(SlowClientTest, AClientThatReadsSlowlyGetsEveryByteAndTheGatewayNeverHoldsMore) {
  std::vector<char> buffer(10'000);
  std::uint64_t taken = 0;
  std::string head;
  while (taken < kAnswerBytes) {
    offer();
    gateway_.t.turn();
    const IoResult r = client_->transport().try_read(buffer);
    ASSERT_EQ(r.status, IoResult::Status::kOk) << taken;
    std::string_view bytes(buffer.data(), r.bytes);
    if (taken == 0) {
      const std::size_t end = bytes.find("\r\n\r\n");
      ASSERT_NE(end, std::string_view::npos);
      bytes.remove_prefix(end + 4);
    }
    ASSERT_TRUE(bytes == pattern_.at(taken, bytes.size())) << "at " << taken;
    taken += bytes.size();
    ASSERT_LE(sent_ - taken, kBuffer + 2 * kWire + kHeads);
  }
  EXPECT_EQ(taken, kAnswerBytes);
  gateway_.t.turn();
  EXPECT_EQ(gateway_.sink.records.at(0).response_bytes, kAnswerBytes);
  EXPECT_EQ(gateway_.sink.records.at(0).error, std::nullopt);
  EXPECT_EQ(gateway_.leftovers(), "");
}

TEST_F(SlowClientTest, OneSlowClientDoesNotHoldUpAnother) {
  offer_until_nothing_moves();
  TestClient other = gateway_.connect();
  other.send(get("/small"));
  auto end = gateway_.network.take("one:1");
  end->send(json_answer("{}"));
  EXPECT_EQ(first_answer(other.receive()).body, "{}");
}

}  // namespace
}  // namespace sluice::test
