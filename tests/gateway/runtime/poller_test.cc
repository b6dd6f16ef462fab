#include "gateway/runtime/poller.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <vector>

namespace sluice {
namespace {

class PollerTest : public testing::Test {
 protected:
  // One end of a pair of sockets in the poller, and what is done when it is told of something.
  struct Watched final : Poller::Watcher {
    explicit Watched(Poller& p) : poller(p) {
      EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
      EXPECT_TRUE(poller.add(ends[0], *this));
    }
    ~Watched() {
      remove();
      ::close(ends[1]);
    }
    void remove() {
      if (ends[0] < 0) return;
      poller.remove(ends[0], *this);
      ::close(ends[0]);
      ends[0] = -1;
    }
    void arrive() const { EXPECT_EQ(::send(ends[1], "x", 1, 0), 1); }
    void on_events(std::uint32_t what) override {
      ++count;
      events |= what;
      if (then) then();
    }

    Poller& poller;
    int ends[2];
    int count = 0;
    std::uint32_t events = 0;
    std::function<void()> then;
  };

  // Of what registration itself tells: that there is room to write.
  void settle() {
    while (poller_.look(0))
      poller_.tell();
  }

  Poller poller_;
};

TEST_F(PollerTest, TellsOfEachEdgeOnce) {
  Watched socket(poller_);
  settle();
  EXPECT_EQ(socket.events, EPOLLOUT);
  socket.count = 0;
  socket.arrive();
  settle();
  EXPECT_EQ(socket.count, 1);
  EXPECT_NE(socket.events & EPOLLIN, 0u);
  EXPECT_FALSE(poller_.look(0)) << "the byte is still there, and no news";
  socket.arrive();
  settle();
  EXPECT_EQ(socket.count, 2);
}

TEST_F(PollerTest, AHalfCloseIsTold) {
  Watched socket(poller_);
  settle();
  ::shutdown(socket.ends[1], SHUT_WR);
  settle();
  EXPECT_NE(socket.events & EPOLLRDHUP, 0u);
}

TEST_F(PollerTest, WhoIsRemovedInTheSameBatchHearsNothing) {
  Watched first(poller_);
  Watched second(poller_);
  settle();
  first.count = second.count = 0;
  first.then = [&] { second.remove(); };
  second.then = [&] { first.remove(); };
  first.arrive();
  second.arrive();
  settle();
  EXPECT_EQ(first.count + second.count, 1);
}

TEST_F(PollerTest, SaysWhetherTheOneThatIsToldIsStillThere) {
  Watched stays(poller_);
  Watched goes(poller_);
  settle();
  bool stayed = false;
  bool went = true;
  stays.then = [&] { stayed = poller_.telling(stays); };
  goes.then = [&] {
    goes.remove();
    went = poller_.telling(goes);
  };
  stays.arrive();
  goes.arrive();
  settle();
  EXPECT_TRUE(stayed);
  EXPECT_FALSE(went);
}

TEST_F(PollerTest, MoreEventsThanABatchHoldsAreAllTold) {
  std::vector<std::unique_ptr<Watched>> sockets;
  for (int i = 0; i < 300; ++i)
    sockets.push_back(std::make_unique<Watched>(poller_));
  settle();
  for (const auto& socket : sockets) {
    socket->count = 0;
    socket->arrive();
  }
  settle();
  for (const auto& socket : sockets)
    EXPECT_EQ(socket->count, 1);
}

TEST_F(PollerTest, AnotherSetIsToldOfUntilItHasNothing) {
  const int set = epoll_create1(EPOLL_CLOEXEC);
  poller_.add_set(set);
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
  epoll_event event{};
  event.events = EPOLLIN;
  ASSERT_EQ(epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &event), 0);
  EXPECT_FALSE(poller_.look(0));
  ASSERT_EQ(::send(ends[1], "x", 1, 0), 1);
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(poller_.look(0));
    EXPECT_TRUE(poller_.tell());
  }
  char byte = 0;
  ASSERT_EQ(::recv(ends[0], &byte, 1, 0), 1);
  EXPECT_FALSE(poller_.look(0));
  ::close(ends[0]);
  ::close(ends[1]);
  ::close(set);
}

}  // namespace
}  // namespace sluice
