// Requests' bodies that their readers leave lying, beside others (RFC 9113 5.2.2).

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "gateway/runtime/signal.h"
#include "tests/gateway/http/http2/served_http2.h"

namespace sluice::http2::test {
namespace {

// Requests for /stuck read nothing until `go`; all others read as bytes come. Each answers with what it read.
class UploadsTest : public ::testing::Test {
 protected:
  UploadsTest() {
    s_.handler.script = [this](ServerStream& stream) -> Task<Result<void>> {
      if (stream.head.path() == "/stuck") co_await go_.wait();
      co_return co_await s_.handler.record_and_answer(stream);
    };
  }
  std::int32_t window(std::int32_t id) {
    return nghttp2_session_get_stream_remote_window_size(s_.peer->session(), id);
  }
  std::int32_t connection_window() { return nghttp2_session_get_remote_window_size(s_.peer->session()); }

  ServedHttp2 s_;
  Signal go_{s_.t.loop};
};

TEST_F(UploadsTest, ThatNobodyReadsStopEachAtItsOwnWindow) {
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 20; ++i)
    ids.push_back(s_.peer->post("/stuck", std::string(ServerConnection::kStreamWindow + 1, 'b')));
  s_.peer->turn();
  for (const std::int32_t id : ids)
    EXPECT_EQ(window(id), 0);
  EXPECT_GE(connection_window(), ServerConnection::kConnectionWindow / 2);
  EXPECT_EQ(s_.cuts(Cut::kProtocolError), 0u);
}

TEST_F(UploadsTest, ThatAreStuckOnEveryOtherStreamDoNotStopTheLast) {
  const std::string large(200'000, 'b');
  std::vector<std::int32_t> stuck;
  for (std::uint32_t i = 0; i + 1 < s_.limits.max_streams; ++i)
    stuck.push_back(s_.peer->post("/stuck", large));
  s_.peer->turn();
  EXPECT_EQ(s_.connection->streams(), s_.limits.max_streams - 1);
  const std::string more(1'000'000, 'c');
  const auto moves = s_.peer->post("/moves", more);
  s_.peer->turn();
  EXPECT_EQ(s_.peer->answer(moves).body, "POST /moves " + more);
  for (const std::int32_t id : stuck)
    EXPECT_EQ(window(id), 0) << "no more than a window of each is held";
  // They were only late.
  go_.notify_all();
  s_.peer->turn();
  for (const std::int32_t id : stuck)
    EXPECT_EQ(s_.peer->answer(id).body, "POST /stuck " + large);
  EXPECT_EQ(s_.connection->streams(), 0u);
}

TEST_F(UploadsTest, ThatAreGivenUpLeaveTheConnectionsWindowOpen) {
  for (int round = 0; round < 40; ++round) {
    const auto id = s_.peer->post("/stuck", std::string(ServerConnection::kStreamWindow, 'b'));
    s_.peer->turn();
    s_.peer->reset(id);
    s_.peer->turn();
  }
  EXPECT_GE(connection_window(), ServerConnection::kConnectionWindow / 2);
  const std::string more(1'000'000, 'c');
  const auto moves = s_.peer->post("/moves", more);
  s_.peer->turn();
  EXPECT_EQ(s_.peer->answer(moves).body, "POST /moves " + more);
}

}  // namespace
}  // namespace sluice::http2::test
