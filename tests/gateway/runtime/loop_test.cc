#include "gateway/runtime/loop.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>

#include "gateway/runtime/signal.h"
#include "gateway/runtime/task_group.h"

namespace asio = boost::asio;

namespace sluice {
namespace {

// A clock that moves whenever it is looked at.
class RestlessTime final : public TimeSource {
 public:
  TimePoint now() const noexcept override { return time_ += std::chrono::milliseconds(1); }
  WallTime wall() const noexcept override { return {}; }

 private:
  mutable TimePoint time_{std::chrono::hours(1)};
};

TEST(Loop, AnEventHasOneTimeAndTheNextOneAnother) {
  RestlessTime time;
  Loop loop(time, 1);
  EXPECT_LT(loop.now(), loop.now());
  TimePoint first;
  {
    const Loop::Event event(loop);
    first = loop.now();
    EXPECT_EQ(loop.now(), first);
  }
  EXPECT_LT(first, loop.now());
  const Loop::Event event(loop);
  EXPECT_LT(first, loop.now());
}

// What happened in a turn, in order.
class LoopTurns : public testing::Test {
 public:
  // A pair of sockets; what arrives on it is an event of the loop.
  struct Pair {
    explicit Pair(Loop& loop) : near(loop.io()), far(loop.io()) { asio::local::connect_pair(near, far); }
    void arrive() { asio::write(far, asio::buffer("x", 1)); }
    void on_event(std::function<void()> handler) {
      near.async_wait(asio::socket_base::wait_read,
                      [h = std::move(handler)](const boost::system::error_code&) { h(); });
    }
    asio::local::stream_protocol::socket near;
    asio::local::stream_protocol::socket far;
  };

  void note(const char* what) { history_.emplace_back(what); }
  static void ended(void* self) { static_cast<LoopTurns*>(self)->note("end"); }

  RestlessTime time_;
  Loop loop_{time_, 1};
  Pair first_{loop_}, second_{loop_};
  Signal signal_{loop_};
  TurnEnd end_{&ended, this};
  std::vector<std::string> history_;
  TaskGroup tasks_;
};

TEST_F(LoopTurns, EndsOnceBehindAllEventsOfTheTurn) {
  first_.arrive();
  second_.arrive();
  for (Pair* pair : {&first_, &second_}) {
    pair->on_event([this] {
      note("event");
      loop_.at_turn_end(end_);
    });
  }
  loop_.poll();
  EXPECT_EQ(history_, (std::vector<std::string>{"event", "event", "end"}));
}

// The second event arrives during the first: another look at the sockets would bring it in between.
TEST_F(LoopTurns, WhatAnEventMadeReadyAndTheEndComeBeforeTheNextLookAtSockets) {
  tasks_.spawn([](LoopTurns& test) -> Task<void> {
    co_await test.signal_.wait();
    test.note("woken");
    test.loop_.at_turn_end(test.end_);
  }(*this));
  first_.on_event([this] {
    note("first");
    second_.arrive();
    signal_.notify_one();
  });
  second_.on_event([this] { note("second"); });
  first_.arrive();
  loop_.poll();
  EXPECT_EQ(history_, (std::vector<std::string>{"first", "woken", "end", "second"}));
}

TEST_F(LoopTurns, CoroutinesThatKeepWakingEachOtherHoldNeitherTheEndNorTheSocketsBack) {
  int woken = 0;
  const auto wake = [](LoopTurns& test, int& count) -> Task<void> {
    while (count < 1000) {
      ++count;
      test.signal_.notify_one();
      co_await test.signal_.wait();
    }
  };
  first_.on_event([&] {
    loop_.at_turn_end(end_);
    second_.arrive();
    tasks_.spawn(wake(*this, woken));
    tasks_.spawn(wake(*this, woken));
  });
  second_.on_event([&] { note(woken < 100 ? "second in time" : "second too late"); });
  first_.arrive();
  loop_.poll();
  EXPECT_EQ(woken, 1000);
  EXPECT_EQ(history_, (std::vector<std::string>{"end", "second in time"}));
}

// Nothing that the reactor tells of begins or ends such a turn.
TEST_F(LoopTurns, APostedFunctionHasItsEndToo) {
  loop_.post([this] {
    note("posted");
    loop_.at_turn_end(end_);
  });
  loop_.poll();
  EXPECT_EQ(history_, (std::vector<std::string>{"posted", "end"}));
}

TEST_F(LoopTurns, WhatTheEndAsksForIsDone) {
  struct Twice {
    static void ended(void* self) {
      auto& twice = *static_cast<Twice*>(self);
      if (++twice.count < 2) twice.loop.at_turn_end(twice.end);
    }
    Loop& loop;
    int count = 0;
    TurnEnd end{&ended, this};
  } twice{loop_};
  first_.on_event([&] { loop_.at_turn_end(twice.end); });
  first_.arrive();
  loop_.poll();
  EXPECT_EQ(twice.count, 2);
}

// A socket in the poller itself, as connections are.
struct Polled final : Poller::Watcher {
  explicit Polled(Loop& l) : loop(l) {
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    EXPECT_TRUE(loop.poller().add(ends[0], *this));
    loop.poll();  // it says that there is room to write
  }
  ~Polled() {
    loop.poller().remove(ends[0], *this);
    ::close(ends[0]);
    ::close(ends[1]);
  }
  void arrive() const { EXPECT_EQ(::send(ends[1], "x", 1, 0), 1); }
  void on_events(std::uint32_t events) override {
    if ((events & EPOLLIN) != 0 && then) then();
  }
  Loop& loop;
  int ends[2];
  std::function<void()> then;
};

TEST_F(LoopTurns, OfThePollersEventsAloneHasAnEnd) {
  Polled one(loop_);
  Polled two(loop_);
  for (Polled* socket : {&one, &two}) {
    socket->then = [this] {
      note("event");
      loop_.at_turn_end(end_);
    };
  }
  one.arrive();
  two.arrive();
  loop_.poll();
  EXPECT_EQ(history_, (std::vector<std::string>{"event", "event", "end"}));
}

TEST_F(LoopTurns, OfThePollersEventsAndAsiosHasOneEndBehindBoth) {
  Polled polled(loop_);
  polled.then = [this] {
    note("polled");
    loop_.post([this] { note("posted"); });
    loop_.at_turn_end(end_);
  };
  first_.on_event([this] { note("asio"); });
  polled.arrive();
  first_.arrive();
  loop_.poll();
  EXPECT_EQ(history_.front(), "polled");
  EXPECT_EQ(history_.back(), "end");
  EXPECT_EQ(history_.size(), 4u);
}

TEST(Loop, APostFromAnotherThreadAndATimerWakeALoopThatWaits) {
  const SystemTime time;
  Loop loop(time, 1);
  bool posted = false;
  bool expired = false;
  struct Expiry {
    static void fire(void* self) {
      *static_cast<Expiry*>(self)->expired = true;
      static_cast<Expiry*>(self)->loop->stop();
    }
    bool* expired;
    Loop* loop;
  } expiry{&expired, &loop};
  Timer timer(&Expiry::fire, &expiry);
  // Behind the post: the timer ends the run, so that both are needed for the test to pass.
  std::thread other([&] {
    loop.post([&] {
      posted = true;
      loop.arm(timer, loop.now() + std::chrono::milliseconds(20));
    });
  });
  loop.run();
  other.join();
  EXPECT_TRUE(posted);
  EXPECT_TRUE(expired);
}

}  // namespace
}  // namespace sluice
