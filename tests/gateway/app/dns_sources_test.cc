#include "gateway/app/dns_sources.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "gateway/runtime/child.h"
#include "tests/support/fake_dns.h"
#include "tests/support/test_loop.h"

namespace sluice::test {
namespace {

using std::chrono::seconds;

// `10.0.0.1:80*3`: address and weight.
std::vector<std::string> texts(const Finding& finding) {
  std::vector<std::string> out;
  for (const config::Endpoint& e : finding.endpoints)
    out.push_back(e.address.to_string() + "*" + std::to_string(e.weight));
  std::ranges::sort(out);
  return out;
}
using Texts = std::vector<std::string>;

class DnsSourcesTest : public ::testing::Test {
 protected:
  Finding find(EndpointSource& source) {
    Child<Finding> finding(t_.loop, source.find());
    t_.turn();
    EXPECT_TRUE(finding.finished());
    return *finding.result();
  }
  void v4(std::vector<std::string> hosts, int ttl = 60) {
    dns_.answer("gpu", DnsType::kA, {.addresses = std::move(hosts), .ttl = seconds(ttl)});
  }
  void v6(std::vector<std::string> hosts, int ttl = 60) {
    dns_.answer("gpu", DnsType::kAaaa, {.addresses = std::move(hosts), .ttl = seconds(ttl)});
  }
  void fail(DnsType type, DnsOutcome outcome) {
    dns_.answer("gpu", type, {.outcome = outcome, .problem = "as told"});
  }
  void services(std::vector<DnsService> services) {
    dns_.answer("svc", DnsType::kSrv, {.services = std::move(services), .ttl = seconds(60)});
  }

  TestLoop t_;
  FakeDns dns_{t_.loop};
  AddressSource addresses_{t_.loop, dns_.client(), Address::tcp("gpu", 80)};
  ServiceSource services_{t_.loop, dns_.client(), "svc", 256};
};

TEST_F(DnsSourcesTest, ANameOfBothFamiliesHasTheAddressesOfBothUntilTheFirstExpires) {
  v4({"10.0.0.1", "10.0.0.2"}, 60);
  v6({"2001:db8::1"}, 20);
  const Finding found = find(addresses_);
  EXPECT_EQ(found.outcome, DiscoveryOutcome::kOk);
  EXPECT_EQ(texts(found), (Texts{"10.0.0.1:80*1", "10.0.0.2:80*1", "[2001:db8::1]:80*1"}));
  EXPECT_EQ(found.time_to_live, seconds(20));
}

TEST_F(DnsSourcesTest, ANameOfOneFamilyIsWhole) {
  for (const DnsOutcome outcome : {DnsOutcome::kNoRecords, DnsOutcome::kNoName}) {
    v4({"10.0.0.1"});
    fail(DnsType::kAaaa, outcome);
    EXPECT_EQ(find(addresses_).outcome, DiscoveryOutcome::kOk);
    EXPECT_EQ(texts(find(addresses_)), Texts{"10.0.0.1:80*1"});
  }
}

TEST_F(DnsSourcesTest, AFamilyThatFailsKeepsItsLastGoodAddressesBesideTheOthersNewOnes) {
  v4({"10.0.0.1"});
  v6({"2001:db8::1"});
  (void)find(addresses_);
  for (const DnsOutcome outcome :
       {DnsOutcome::kServerFailure, DnsOutcome::kTimeout, DnsOutcome::kMalformed}) {
    v4({"10.0.0.9"});
    fail(DnsType::kAaaa, outcome);
    const Finding found = find(addresses_);
    EXPECT_EQ(found.outcome, DiscoveryOutcome::kPartial);
    EXPECT_EQ(found.problem, "gpu: IPv6: as told");
    EXPECT_EQ(texts(found), (Texts{"10.0.0.9:80*1", "[2001:db8::1]:80*1"}));
  }
  fail(DnsType::kAaaa, DnsOutcome::kNoRecords);
  EXPECT_EQ(texts(find(addresses_)), Texts{"10.0.0.9:80*1"});
}

TEST_F(DnsSourcesTest, WhereNeitherFamilyHasAddressesTheMoreTellingAnswerIsTheOutcome) {
  const auto outcome = [&](DnsOutcome a, DnsOutcome b) {
    fail(DnsType::kA, a);
    fail(DnsType::kAaaa, b);
    const Finding found = find(addresses_);
    EXPECT_TRUE(found.endpoints.empty());
    return found.outcome;
  };
  using enum DnsOutcome;
  EXPECT_EQ(outcome(kNoName, kNoName), DiscoveryOutcome::kNoName);
  EXPECT_EQ(outcome(kNoRecords, kNoName), DiscoveryOutcome::kEmpty);
  EXPECT_EQ(outcome(kNoRecords, kTimeout), DiscoveryOutcome::kTimeout);
  EXPECT_EQ(outcome(kServerFailure, kNoRecords), DiscoveryOutcome::kServerFailure);
  EXPECT_EQ(outcome(kUnreachable, kUnreachable), DiscoveryOutcome::kUnreachable);
  EXPECT_EQ(outcome(kMalformed, kMalformed), DiscoveryOutcome::kMalformed);
}

TEST_F(DnsSourcesTest, BothFamiliesAreAskedForAtOnce) {
  dns_.hold(true);
  Child<Finding> finding(t_.loop, addresses_.find());
  EXPECT_EQ(dns_.open(), 2);
  finding.cancel();
  EXPECT_EQ(dns_.open(), 0);
}

TEST_F(DnsSourcesTest, OfServicesThoseOfTheLowestPriorityServeByTheirWeights) {
  services(
      {{10, 3, 8000, "a", {"10.0.0.1"}}, {10, 1, 8001, "b", {"10.0.0.2"}}, {20, 9, 8000, "c", {"10.0.0.3"}}});
  const Finding found = find(services_);
  EXPECT_EQ(found.outcome, DiscoveryOutcome::kOk);
  EXPECT_EQ(texts(found), (Texts{"10.0.0.1:8000*3", "10.0.0.2:8001*1"}));
  EXPECT_EQ(dns_.asked("a", DnsType::kA), 0) << "the answer brought its address along";
}

TEST_F(DnsSourcesTest, TargetsWhoseAddressesDidNotComeAlongAreLookedUp) {
  services({{0, 1, 8000, "a", {}}, {0, 1, 8000, "b", {"10.0.0.2"}}});
  dns_.addresses("a", {"10.0.0.1"}, 7);
  const Finding found = find(services_);
  EXPECT_EQ(texts(found), (Texts{"10.0.0.1:8000*1", "10.0.0.2:8000*1"}));
  EXPECT_EQ(found.time_to_live, seconds(7));
}

TEST_F(DnsSourcesTest, TheAddressesOfATargetShareItsWeight) {
  services({{0, 3, 1, "a", {"10.0.0.1", "10.0.0.2"}}, {0, 1, 1, "b", {"10.0.0.3"}}});
  EXPECT_EQ(texts(find(services_)), (Texts{"10.0.0.1:1*150", "10.0.0.2:1*150", "10.0.0.3:1*100"}));
}

TEST_F(DnsSourcesTest, WeightZeroIsAVerySmallChanceBesideOthersAndNoDifferenceAmongEquals) {
  services({{0, 0, 1, "a", {"10.0.0.1"}}, {0, 2, 1, "b", {"10.0.0.2"}}});
  EXPECT_EQ(texts(find(services_)), (Texts{"10.0.0.1:1*1", "10.0.0.2:1*200"}));
  services({{0, 0, 1, "a", {"10.0.0.1"}}, {0, 0, 1, "b", {"10.0.0.2"}}});
  EXPECT_EQ(texts(find(services_)), (Texts{"10.0.0.1:1*1", "10.0.0.2:1*1"}));
}

TEST_F(DnsSourcesTest, ATargetThatCannotBeLookedUpKeepsItsLastGoodAddresses) {
  services({{0, 1, 1, "a", {}}, {0, 1, 1, "b", {"10.0.0.2"}}});
  dns_.addresses("a", {"10.0.0.1"}, 60);
  (void)find(services_);
  services({{0, 1, 1, "a", {}}, {0, 1, 1, "b", {}}});
  dns_.fail("a", DnsOutcome::kTimeout);
  dns_.fail("b", DnsOutcome::kServerFailure);
  const Finding found = find(services_);
  EXPECT_EQ(found.outcome, DiscoveryOutcome::kPartial);
  EXPECT_EQ(texts(found), (Texts{"10.0.0.1:1*1", "10.0.0.2:1*1"})) << "also where they had come along";
}

TEST_F(DnsSourcesTest, ATargetThatDoesNotExistIsLeftOut) {
  services({{0, 1, 1, "gone", {}}, {0, 1, 1, "b", {"10.0.0.2"}}});
  const Finding found = find(services_);
  EXPECT_EQ(found.outcome, DiscoveryOutcome::kPartial);
  EXPECT_EQ(found.problem, "gone: NXDOMAIN");
  EXPECT_EQ(texts(found), Texts{"10.0.0.2:1*1"});
  services({{0, 1, 1, "gone", {}}});
  EXPECT_EQ(find(services_).outcome, DiscoveryOutcome::kNoName);
}

TEST_F(DnsSourcesTest, AServiceThatIsDecidedlyNotAvailableIsEmpty) {
  services({{0, 0, 0, "", {}}});
  EXPECT_EQ(find(services_).outcome, DiscoveryOutcome::kEmpty);
}

TEST_F(DnsSourcesTest, LookupsOfTargetsAreBoundedAtOnceAndInAll) {
  std::vector<DnsService> many;
  for (int i = 0; i < 100; ++i)
    many.push_back({0, 1, 1, "t" + std::to_string(100 + i), {}});
  services(many);
  dns_.answer_a_turn_later();
  ServiceSource source(t_.loop, dns_.client(), "svc", 40);
  Child<Finding> finding(t_.loop, source.find());
  t_.turn();
  EXPECT_TRUE(finding.finished());
  EXPECT_LE(dns_.most_open(), 2 * static_cast<int>(ServiceSource::kLookupsAtOnce));
  EXPECT_EQ(dns_.asked("t139", DnsType::kA), 1);
  EXPECT_EQ(dns_.asked("t140", DnsType::kA), 0);
}

}  // namespace
}  // namespace sluice::test
