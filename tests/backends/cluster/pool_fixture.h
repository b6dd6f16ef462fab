#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "backends/cluster/upstream_pool.h"
#include "gateway/runtime/child.h"
#include "tests/support/memory_gateway.h"
#include "tests/support/memory_network.h"
#include "tests/support/test_loop.h"

namespace sluice::test {

// One request for a connection of a pool. Destroying it is what a client's departure does.
class PoolRequest final : private PoolObserver {
 public:
  PoolRequest(TestLoop& t, UpstreamPool& pool, Duration queue_time = std::chrono::seconds(60))
      : t_(t), run_(t.loop, get(pool, t.loop.now() + queue_time, lease_, error_, *this)) {}

  bool has_connection() const noexcept { return lease_.has_value(); }
  bool connecting() const noexcept { return connecting_; }
  std::optional<ErrorKind> error() const noexcept { return error_; }
  ClientStream& stream() { return lease_->stream(); }

  // Sends a request, lets the backend's end answer and reads the answer whole.
  void complete(BackendEnd& backend,
                std::string_view answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok") {
    Child<Result<void>> round(t_.loop, round_trip(stream(), t_.loop.now() + std::chrono::seconds(1)));
    backend.send(answer);
    t_.turn();
    ASSERT_TRUE(round.finished() && round.result()->has_value());
  }
  // Gives the connection back, or leaves the queue.
  void end() {
    run_.cancel();
    lease_.reset();
  }

 private:
  static Task<Result<void>> get(UpstreamPool& pool, TimePoint deadline,
                                std::optional<UpstreamPool::Lease>& out, std::optional<ErrorKind>& error,
                                PoolObserver& observer) {
    Result<UpstreamPool::Lease> lease = co_await pool.acquire(std::chrono::seconds(1), deadline, observer);
    if (lease) {
      out.emplace(std::move(*lease));
    } else {
      error = lease.error().kind;
    }
    co_return Result<void>();
  }
  static Task<Result<void>> round_trip(ClientStream& stream, TimePoint deadline) {
    RequestHead head;
    head.set_target("/", "");
    head.set_authority("backend");
    Result<void> sent = co_await stream.send(head, 0, {}, true, std::chrono::seconds(1));
    if (!sent) co_return sent;
    Result<ResponseHead> answer = co_await stream.read_head(deadline);
    if (!answer) co_return fail(answer.error());
    for (;;) {
      Result<BodyPiece> piece = co_await stream.read(deadline);
      if (!piece) co_return fail(piece.error());
      if (piece->last) co_return Result<void>();
    }
  }
  void on_connecting() noexcept override { connecting_ = true; }

  TestLoop& t_;
  bool connecting_ = false;
  std::optional<ErrorKind> error_;
  std::optional<UpstreamPool::Lease> lease_;
  Child<Result<void>> run_;
};

class PoolTest : public ::testing::Test {
 protected:
  UpstreamPool& make_pool(const PoolOptions& options) {
    return pool_.emplace(t_.loop, network_, Address::tcp("one", 1), options, measured_);
  }
  std::unique_ptr<PoolRequest> request(Duration queue_time = std::chrono::seconds(60)) {
    auto r = std::make_unique<PoolRequest>(t_, *pool_, queue_time);
    t_.turn();
    return r;
  }
  std::unique_ptr<BackendEnd> backend() { return network_.take("one:1"); }
  std::size_t connects() { return network_.connects("one:1"); }

  // One finished request, whose connection is idle afterwards.
  std::unique_ptr<BackendEnd> make_idle() {
    auto r = request();
    auto end = backend();
    r->complete(*end);
    return end;
  }
  void expect_open_idle_waiting(double open, double idle, double waiting) {
    EXPECT_EQ(measured_.open.value(), open);
    EXPECT_EQ(measured_.idle.value(), idle);
    EXPECT_EQ(measured_.waiting.value(), waiting);
  }

  TestLoop t_;
  Metrics metrics_;
  PoolMetrics measured_ = pool_metrics(metrics_, "one:1");
  MemoryNetwork network_{t_.loop};
  std::optional<UpstreamPool> pool_;
};

}  // namespace sluice::test
