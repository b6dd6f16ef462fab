#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "gateway/net/dns_client.h"
#include "gateway/runtime/signal.h"
#include "tests/support/test_loop.h"

namespace sluice::test {

// Name servers inside the test: an answer for each name and type, NXDOMAIN for every other.
class FakeDns {
 public:
  explicit FakeDns(Loop& loop) : loop_(loop), changed_(loop) {}

  void answer(const std::string& name, DnsType type, DnsAnswer answer) {
    answers_[{name, type}] = std::move(answer);
  }
  void addresses(const std::string& name, std::vector<std::string> hosts, int ttl_seconds) {
    answer(name, DnsType::kA, {.addresses = std::move(hosts), .ttl = std::chrono::seconds(ttl_seconds)});
    answer(name, DnsType::kAaaa, {.outcome = DnsOutcome::kNoRecords, .problem = "none"});
  }
  void fail(const std::string& name, DnsOutcome outcome) {
    for (const DnsType type : {DnsType::kA, DnsType::kAaaa, DnsType::kSrv})
      answer(name, type, {.outcome = outcome, .problem = "as told"});
  }
  // Questions wait until it is called again with false.
  void hold(bool held) {
    held_ = held;
    changed_.notify_all();
  }

  // No answer is there at once from now on.
  void answer_a_turn_later() { later_ = true; }

  std::unique_ptr<DnsClient> client() { return std::make_unique<Client>(*this); }
  int asked(const std::string& name, DnsType type) { return asked_[{name, type}]; }
  // Questions under way: now, and at most so far.
  int open() const noexcept { return open_; }
  int most_open() const noexcept { return most_open_; }

 private:
  using Question = std::pair<std::string, DnsType>;

  struct Client final : DnsClient {
    explicit Client(FakeDns& d) : dns(d) {}
    Task<DnsAnswer> ask(std::string name, DnsType type) override { return dns.ask(std::move(name), type); }
    FakeDns& dns;
  };
  struct Open {
    explicit Open(FakeDns& dns) : dns_(dns) { dns_.most_open_ = std::max(dns_.most_open_, ++dns_.open_); }
    Open(const Open&) = delete;
    ~Open() { --dns_.open_; }
    FakeDns& dns_;
  };

  Task<DnsAnswer> ask(std::string name, DnsType type) {
    const Open open(*this);
    ++asked_[{name, type}];
    if (later_) co_await next_turn(loop_);
    while (held_)
      (void)co_await changed_.wait();
    const auto found = answers_.find({name, type});
    if (found == answers_.end()) co_return DnsAnswer{.outcome = DnsOutcome::kNoName, .problem = "NXDOMAIN"};
    co_return found->second;
  }

  Loop& loop_;
  Signal changed_;
  bool held_ = false;
  bool later_ = false;
  int open_ = 0;
  int most_open_ = 0;
  std::map<Question, DnsAnswer> answers_;
  std::map<Question, int> asked_;
};

}  // namespace sluice::test
