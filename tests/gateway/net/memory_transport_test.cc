#include "gateway/net/memory_transport.h"

#include <gtest/gtest.h>

#include <string>

#include "gateway/runtime/child.h"

namespace sluice {
namespace {

using Status = IoResult::Status;

class MemoryTransportTest : public ::testing::Test {
 protected:
  MemoryTransportTest() {
    auto [a, b] = MemoryTransport::pair(loop_, 10);
    near_ = std::move(a);
    far_ = std::move(b);
  }
  static Task<bool> readable(Transport& t) {
    const bool in_time = co_await t.readable(kNever);
    co_return in_time;
  }
  static Task<bool> writable(Transport& t) {
    const bool in_time = co_await t.writable(kNever);
    co_return in_time;
  }
  static IoResult write(Transport& t, std::string_view bytes) {
    const std::string_view pieces[] = {bytes};
    return t.try_write(pieces);
  }
  static IoResult read(Transport& t, std::string& out) {
    char buffer[64];
    const IoResult r = t.try_read(buffer);
    out.assign(buffer, r.bytes);
    return r;
  }

  ManualTime time_;
  Loop loop_{time_, 1};
  std::unique_ptr<MemoryTransport> near_;
  std::unique_ptr<MemoryTransport> far_;
  std::string got_;
};

TEST_F(MemoryTransportTest, HoldsItsCapacityAndWakesTheWriterWhenThereIsRoom) {
  EXPECT_EQ(write(*near_, "0123456789abc").bytes, 10u);
  EXPECT_EQ(write(*near_, "x").status, Status::kWouldBlock);
  Child<bool> writer(loop_, writable(*near_));
  loop_.poll();
  EXPECT_FALSE(writer.finished());
  far_->limit_reads(3);
  EXPECT_EQ(read(*far_, got_).bytes, 3u);
  EXPECT_EQ(got_, "012");
  loop_.poll();
  EXPECT_TRUE(writer.finished());
}

TEST_F(MemoryTransportTest, WhatWasWrittenBeforeTheEndIsReadFirst) {
  write(*near_, "last");
  near_->close();
  EXPECT_TRUE(far_->peer_closed());
  EXPECT_EQ(read(*far_, got_).status, Status::kOk);
  EXPECT_EQ(read(*far_, got_).status, Status::kEnd);
  EXPECT_EQ(write(*far_, "x").status, Status::kBroken);
}

TEST_F(MemoryTransportTest, AResetDropsWhatWasNotRead) {
  write(*near_, "lost");
  near_->reset();
  EXPECT_EQ(read(*far_, got_).status, Status::kBroken);
}

TEST_F(MemoryTransportTest, AWaitingReaderHearsOfTheEnd) {
  Child<bool> reader(loop_, readable(*far_));
  loop_.poll();
  near_->shutdown_write();
  loop_.poll();
  EXPECT_TRUE(reader.finished());
  EXPECT_TRUE(far_->hung_up());
  EXPECT_FALSE(near_->hung_up());
  EXPECT_EQ(write(*far_, "back").bytes, 4u) << "the other direction stays open";
}

TEST_F(MemoryTransportTest, ClosingEndsTheWaitsThatArePending) {
  Child<bool> reader(loop_, readable(*far_));
  write(*far_, "0123456789");
  Child<bool> writer(loop_, writable(*far_));
  loop_.poll();
  EXPECT_FALSE(reader.finished());
  EXPECT_FALSE(writer.finished());
  far_->close();
  loop_.poll();
  EXPECT_TRUE(reader.finished());
  EXPECT_TRUE(writer.finished());
  EXPECT_EQ(read(*far_, got_).status, Status::kBroken);
}

TEST_F(MemoryTransportTest, DestroyingItDropsItsCallbacks) {
  {
    Child<bool> reader(loop_, readable(*far_));
    write(*near_, "x");
  }
  near_->close();
  far_.reset();
  loop_.poll();
  EXPECT_TRUE(near_->peer_closed());
}

}  // namespace
}  // namespace sluice
