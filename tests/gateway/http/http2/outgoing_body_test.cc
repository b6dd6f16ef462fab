#include "gateway/http/http2/outgoing_body.h"

#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <string>

#include "gateway/http/http2/frame_sender.h"
#include "gateway/http/http2/message_heads.h"
#include "gateway/http/http2/session.h"
#include "gateway/net/memory_transport.h"
#include "tests/gateway/http/http2/frames.h"
#include "tests/support/test_loop.h"

namespace sluice::http2::test {
namespace {

// The body of the answer on stream 1, whose client opens windows byte by byte.
class OutgoingBodyTest : public ::testing::Test, FrameSender::Owner, OutgoingBody::Listener {
 protected:
  OutgoingBodyTest() {
    give(std::string(kPreface) +
         frame(NGHTTP2_SETTINGS, 0, 0,
               big_endian(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 2) + big_endian(0, 4)) +
         window_update(0, 1'000'000) + headers(1, get_block()));
    body_.attach(1);
    EXPECT_TRUE(submit_response(*session_, 1, ResponseHead(), "", &body_));
  }
  void on_flushed() override {}
  void on_send_failed(bool) override { FAIL(); }
  void on_body_taken() override {}

  static SessionPtr make_session() {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    OutgoingBody::install(*callbacks);
    nghttp2_session* session = nullptr;
    nghttp2_session_server_new(&session, callbacks, nullptr);
    nghttp2_session_callbacks_del(callbacks);
    return SessionPtr(session);
  }
  void give(std::string_view bytes) {
    nghttp2_session_mem_recv(session_.get(), reinterpret_cast<const std::uint8_t*>(bytes.data()),
                             bytes.size());
  }
  void turn() {
    t_.turn();
    char buffer[16 * 1024];
    while (ends_.first->try_read(buffer).status == IoResult::Status::kOk)
      continue;
  }

  sluice::test::TestLoop t_;
  std::pair<std::unique_ptr<MemoryTransport>, std::unique_ptr<MemoryTransport>> ends_ =
      MemoryTransport::pair(t_.loop);
  SessionPtr session_ = make_session();
  FrameSender sender_{*ends_.second, *session_, std::chrono::seconds(60), *this};
  OutgoingBody body_{*session_, sender_, *this};
};

TEST_F(OutgoingBodyTest, AClientThatAlwaysLeavesOneByteDoesNotMakeTheBufferGrow) {
  EXPECT_TRUE(body_.write("x"));
  for (int i = 0; i < 5'000; ++i) {
    ASSERT_TRUE(body_.write("y"));
    give(window_update(1, 1));
    turn();
    ASSERT_FALSE(body_.empty());
  }
  EXPECT_LE(body_.memory(), 2 * OutgoingBody::kBufferBytes);
}

TEST_F(OutgoingBodyTest, ABodyThatIsGivenUpHoldsNoMemory) {
  EXPECT_TRUE(body_.write(std::string(OutgoingBody::kBufferBytes, 'x')));
  body_.abandon();
  EXPECT_LE(body_.memory(), 64u);
}

TEST_F(OutgoingBodyTest, WhatFramesHaveNotTakenIsUnsent) {
  const std::string piece(10'000, 'p');
  EXPECT_TRUE(body_.write("small"));
  EXPECT_FALSE(body_.write(piece));
  EXPECT_EQ(sender_.unsent_content(), 10'005u);
  give(window_update(1, 6'000));
  turn();
  EXPECT_EQ(sender_.unsent_content(), 4'005u);
  EXPECT_EQ(body_.size(), 4'005u);
  give(window_update(1, 4'005));
  sender_.schedule();
  turn();
  EXPECT_EQ(sender_.unsent_content(), 0u);
}

TEST_F(OutgoingBodyTest, WhatIsAbandonedIsNoLongerUnsent) {
  const std::string piece(10'000, 'p');
  EXPECT_FALSE(body_.write(piece));
  body_.abandon();
  body_.abandon();
  EXPECT_EQ(sender_.unsent_content(), 0u);
}

}  // namespace
}  // namespace sluice::http2::test
