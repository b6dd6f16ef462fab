#include "gateway/app/discovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "gateway/base/prometheus_text.h"
#include "gateway/net/file_watch.h"
#include "tests/support/fake_dns.h"
#include "tests/support/test_loop.h"

namespace sluice::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Texts = std::vector<std::string>;

Texts texts(const std::vector<config::Endpoint>& endpoints) {
  Texts out;
  for (const config::Endpoint& e : endpoints)
    out.push_back(e.address.to_string());
  return out;
}

class DiscoveryTest : public ::testing::Test {
 protected:
  static config::Cluster by_dns(const std::string& host) {
    config::Cluster c{.name = "models"};
    c.discovery = config::Discovery{.dns = Address::tcp(host, 80)};
    return c;
  }
  const DiscoveryState& state() { return discovery_.find("models")->state(); }
  int questions(const std::string& host = "gpu") { return dns_.asked(host, DnsType::kA); }
  // Until the next look, and through it.
  void pass_to_next_look() { t_.advance(state().next_look - t_.loop.now() + TimerWheel::kTick); }
  std::string metrics_text() {
    const Metrics* threads[] = {&metrics_};
    return render_prometheus(threads);
  }

  TestLoop t_;
  FakeDns dns_{t_.loop};
  Metrics metrics_;
  MemoryLog log_;
  std::vector<Texts> published_;
  Discovery discovery_{t_.loop, metrics_, log_, [this](const DnsClientOptions&) { return dns_.client(); },
                       [this](const std::string&, const std::vector<config::Endpoint>& endpoints) {
                         published_.push_back(texts(endpoints));
                       }};
};

TEST_F(DiscoveryTest, TheNameIsAskedAgainWhenItsRecordsExpireAndNotBefore) {
  dns_.addresses("gpu", {"10.0.0.1"}, 30);
  discovery_.update({by_dns("gpu")});
  EXPECT_EQ(questions(), 1);
  dns_.addresses("gpu", {"10.0.0.1", "10.0.0.2"}, 60);
  t_.advance(seconds(30) - TimerWheel::kTick);
  EXPECT_EQ(questions(), 1);
  t_.advance(2 * TimerWheel::kTick);
  EXPECT_EQ(questions(), 2);
  EXPECT_THAT(published_, ElementsAre(Texts{"10.0.0.1:80", "10.0.0.2:80"}));
  t_.advance(seconds(59));
  EXPECT_EQ(questions(), 2);
  t_.advance(seconds(1));
  EXPECT_EQ(questions(), 3);
}

TEST_F(DiscoveryTest, HoweverLongOrShortRecordsLiveTheBoundsHold) {
  dns_.addresses("gpu", {"10.0.0.1"}, 0);
  discovery_.update({by_dns("gpu")});
  t_.advance(seconds(4));
  EXPECT_EQ(questions(), 1);
  dns_.addresses("gpu", {"10.0.0.1"}, 1'000'000);
  t_.advance(seconds(1) + TimerWheel::kTick);
  EXPECT_EQ(questions(), 2);
  t_.advance(seconds(299));
  EXPECT_EQ(questions(), 2);
  t_.advance(seconds(1) + TimerWheel::kTick);
  EXPECT_EQ(questions(), 3);
}

TEST_F(DiscoveryTest, WhateverGoesWrongTheLastGoodEndpointsStay) {
  dns_.addresses("gpu", {"10.0.0.1"}, 30);
  discovery_.update({by_dns("gpu")});
  const auto good = state().last_success;
  for (const auto& [outcome, label] : {std::pair{DnsOutcome::kNoName, "no_name"},
                                       {DnsOutcome::kNoRecords, "empty"},
                                       {DnsOutcome::kServerFailure, "server_failure"},
                                       {DnsOutcome::kMalformed, "malformed"},
                                       {DnsOutcome::kTimeout, "timeout"},
                                       {DnsOutcome::kUnreachable, "unreachable"}}) {
    dns_.fail("gpu", outcome);
    pass_to_next_look();
    EXPECT_EQ(texts(state().endpoints), Texts{"10.0.0.1:80"});
    EXPECT_THAT(metrics_text(),
                HasSubstr(std::string("sluice_discovery_resolutions_total{cluster=\"models\",outcome=\"") +
                          label + "\"} 1\n"));
  }
  EXPECT_THAT(published_, IsEmpty());
  EXPECT_EQ(state().failures, 6u);
  EXPECT_EQ(state().last_success, good);
  EXPECT_THAT(metrics_text(), HasSubstr("sluice_discovery_endpoints{cluster=\"models\"} 1\n"));
}

TEST_F(DiscoveryTest, TheFirstFailureInARowAndItsEndAreLoggedAndNotTheRepetitions) {
  dns_.addresses("gpu", {"10.0.0.1"}, 30);
  discovery_.update({by_dns("gpu")});
  dns_.fail("gpu", DnsOutcome::kTimeout);
  for (int i = 0; i < 5; ++i)
    pass_to_next_look();
  dns_.addresses("gpu", {"10.0.0.1"}, 30);
  pass_to_next_look();
  pass_to_next_look();
  EXPECT_THAT(
      log_.lines(),
      ElementsAre("info: endpoints discovered cluster=models endpoints=1 added=10.0.0.1:80 removed=",
                  "warning: discovery fails, the last good endpoints stay cluster=models outcome=timeout "
                  "problem=gpu: as told endpoints=1",
                  "info: discovery works again cluster=models failures=5"));
}

TEST_F(DiscoveryTest, FailuresBackOffUpToTheBound) {
  discovery_.update({by_dns("gpu")});
  EXPECT_EQ(state().next_look - t_.loop.now(), seconds(5));
  for (int i = 0; i < 8; ++i)
    pass_to_next_look();
  EXPECT_EQ(questions(), 9);
  EXPECT_LE(state().next_look - t_.loop.now(), seconds(300));
  EXPECT_GE(state().next_look - t_.loop.now(), seconds(150));
}

TEST_F(DiscoveryTest, WithoutAnAnswerYetThereAreNoEndpointsAndTheFirstAnswerBringsThem) {
  dns_.hold(true);
  EXPECT_THAT(discovery_.update({by_dns("gpu")}).at("models"), IsEmpty());
  EXPECT_FALSE(state().outcome.has_value());
  EXPECT_FALSE(discovery_.has_looked());
  EXPECT_THAT(metrics_text(),
              HasSubstr("sluice_discovery_last_success_timestamp_seconds{cluster=\"models\"} 0\n"));
  dns_.addresses("gpu", {"10.0.0.1"}, 30);
  dns_.hold(false);
  t_.turn();
  EXPECT_THAT(published_, ElementsAre(Texts{"10.0.0.1:80"}));
  EXPECT_EQ(state().last_success, t_.time.wall());
  EXPECT_TRUE(discovery_.has_looked());
}

TEST_F(DiscoveryTest, TheOrderOfAnswersIsNoChange) {
  dns_.addresses("gpu", {"10.0.0.2", "10.0.0.1"}, 30);
  discovery_.update({by_dns("gpu")});
  dns_.addresses("gpu", {"10.0.0.1", "10.0.0.2", "10.0.0.1"}, 30);
  pass_to_next_look();
  EXPECT_THAT(published_, IsEmpty());
  EXPECT_EQ(texts(state().endpoints), (Texts{"10.0.0.1:80", "10.0.0.2:80"}));
}

TEST_F(DiscoveryTest, EndpointsBeyondTheBoundAreLeftOutCountedAndLoggedOnce) {
  config::Cluster c = by_dns("gpu");
  c.discovery->max_endpoints = 2;
  dns_.addresses("gpu", {"10.0.0.4", "10.0.0.3", "10.0.0.2", "10.0.0.1"}, 30);
  discovery_.update({c});
  pass_to_next_look();
  EXPECT_EQ(texts(state().endpoints), (Texts{"10.0.0.1:80", "10.0.0.2:80"}));
  EXPECT_THAT(metrics_text(), HasSubstr("sluice_discovery_endpoints_left_out{cluster=\"models\"} 2\n"));
  EXPECT_THAT(log_.lines(),
              ElementsAre("warning: more endpoints discovered than max_endpoints cluster=models "
                          "max_endpoints=2 left_out=2",
                          HasSubstr("endpoints discovered")));
}

TEST_F(DiscoveryTest, AReloadThatLeavesDiscoveryAsItIsLeavesItsEndpointsAndTimers) {
  dns_.addresses("gpu", {"10.0.0.1"}, 30);
  config::Cluster c = by_dns("gpu");
  discovery_.update({c});
  const auto* watcher = discovery_.find("models");
  t_.advance(seconds(20));
  c.pool.max_idle = 1;
  EXPECT_EQ(texts(discovery_.update({c}).at("models")), Texts{"10.0.0.1:80"});
  EXPECT_EQ(discovery_.find("models"), watcher);
  EXPECT_EQ(questions(), 1);
  t_.advance(seconds(10) + TimerWheel::kTick);
  EXPECT_EQ(questions(), 2);
}

TEST_F(DiscoveryTest, AChangedSourceBeginsAtOnceAndTheKnownEndpointsStandUntilItAnswers) {
  dns_.addresses("gpu", {"10.0.0.1"}, 30);
  discovery_.update({by_dns("gpu")});
  EXPECT_EQ(texts(discovery_.update({by_dns("other")}).at("models")), Texts{"10.0.0.1:80"});
  EXPECT_EQ(questions("other"), 1);
  dns_.addresses("other", {"10.0.0.9"}, 30);
  pass_to_next_look();
  EXPECT_THAT(published_, ElementsAre(Texts{"10.0.0.9:80"}));
  t_.advance(seconds(300));
  EXPECT_EQ(questions("gpu"), 1) << "the old name is not asked for any more";
}

TEST_F(DiscoveryTest, ARemovedClustersQuestionIsWithdrawnAndItsSeriesEnd) {
  dns_.hold(true);
  discovery_.update({by_dns("gpu")});
  EXPECT_EQ(dns_.open(), 2);
  EXPECT_THAT(discovery_.update({}), IsEmpty());
  EXPECT_EQ(dns_.open(), 0);
  EXPECT_EQ(discovery_.find("models"), nullptr);
  EXPECT_THAT(metrics_text(), Not(HasSubstr("models")));
}

// Files are read by the real kernel's notifications, which it queues within the call that causes them.
class FileDiscoveryTest : public DiscoveryTest {
 protected:
  FileDiscoveryTest() {
    std::string pattern = "/tmp/sluice-discovery-test-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    cluster_.discovery = config::Discovery{.file = folder_ + "/endpoints.yaml"};
  }
  ~FileDiscoveryTest() override {
    discovery_.update({});
    std::filesystem::remove_all(folder_);
  }

  void write(const std::string& text) {
    std::ofstream(folder_ + "/next") << text;
    std::filesystem::rename(folder_ + "/next", folder_ + "/endpoints.yaml");
    t_.turn();
    t_.advance(FileWatch::kSettleTime + TimerWheel::kTick);
  }

  std::string folder_;
  config::Cluster cluster_{.name = "models"};
};

TEST_F(FileDiscoveryTest, AFileIsReadAtOnceAndWhenItIsReplaced) {
  write("endpoints: [{address: '10.0.0.1:80', weight: 3, zone: a}]\n");
  const auto known = discovery_.update({cluster_});
  EXPECT_EQ(
      known.at("models"),
      (std::vector<config::Endpoint>{{.address = Address::tcp("10.0.0.1", 80), .weight = 3, .zone = "a"}}));
  write("endpoints: [{address: '10.0.0.2:80'}]\n");
  EXPECT_THAT(published_, ElementsAre(Texts{"10.0.0.2:80"}));
}

TEST_F(FileDiscoveryTest, ABrokenOrMissingFileKeepsTheLastGoodEndpointsAndSaysWhy) {
  write("endpoints: [{address: '10.0.0.1:80'}]\n");
  discovery_.update({cluster_});
  write("endpoints:\n  - {address: nonsense}\n");
  EXPECT_EQ(state().outcome, DiscoveryOutcome::kInvalid);
  EXPECT_THAT(state().problem, HasSubstr("endpoints.yaml:2:15: endpoints[0].address: "));
  EXPECT_THAT(log_.lines().back(),
              AllOf(HasSubstr("warning: discovery fails"), HasSubstr("endpoints.yaml:2:15")));
  std::filesystem::remove(*cluster_.discovery->file);
  pass_to_next_look();
  EXPECT_EQ(state().outcome, DiscoveryOutcome::kUnreadable);
  EXPECT_THAT(state().problem, HasSubstr("No such file"));
  EXPECT_EQ(texts(state().endpoints), Texts{"10.0.0.1:80"});
  EXPECT_THAT(metrics_text(),
              AllOf(HasSubstr("outcome=\"invalid\"} 1\n"), HasSubstr("outcome=\"unreadable\"} 1\n")));
  write("endpoints: [{address: '10.0.0.2:80'}]\n");
  EXPECT_EQ(texts(state().endpoints), Texts{"10.0.0.2:80"});
}

TEST_F(FileDiscoveryTest, AFolderThatComesLaterIsWatchedFromThenOn) {
  cluster_.discovery->file = folder_ + "/later/endpoints.yaml";
  discovery_.update({cluster_});
  EXPECT_EQ(state().outcome, DiscoveryOutcome::kUnreadable);
  std::filesystem::create_directory(folder_ + "/later");
  std::ofstream(*cluster_.discovery->file) << "endpoints: [{address: '10.0.0.1:80'}]\n";
  pass_to_next_look();
  EXPECT_EQ(state().outcome, DiscoveryOutcome::kOk);
  std::ofstream(*cluster_.discovery->file) << "endpoints: [{address: '10.0.0.2:80'}]\n";
  t_.turn();
  t_.advance(FileWatch::kSettleTime + TimerWheel::kTick);
  EXPECT_EQ(texts(state().endpoints), Texts{"10.0.0.2:80"});
}

}  // namespace
}  // namespace sluice::test
