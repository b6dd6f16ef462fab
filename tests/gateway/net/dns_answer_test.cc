#include "gateway/net/dns_answer.h"

#include <gtest/gtest.h>

#include "tests/support/dns_message.h"

namespace sluice {
namespace {

using namespace std::string_view_literals;
using test::DnsMessage;
using Texts = std::vector<std::string>;

constexpr std::uint16_t kA = 1;
constexpr std::uint16_t kAaaa = 28;
constexpr std::uint16_t kSrv = 33;
constexpr std::string_view kTen = "\x0a\0\0\1"sv;
constexpr std::string_view kEleven = "\x0b\0\0\1"sv;

DnsAnswer read(std::string_view bytes) {
  return read_dns_answer({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}
DnsAnswer read(const DnsMessage& message) {
  return read(message.bytes);
}

TEST(DnsAnswer, AddressesOfTheNameAreReadWithTheLeastTimeToLive) {
  const DnsAnswer answer =
      read(DnsMessage("GPU.test", kA).a("gpu.test", 60, kTen).a("gpu.TEST", 30, kEleven));
  EXPECT_EQ(answer.outcome, DnsOutcome::kOk) << answer.problem;
  EXPECT_EQ(answer.addresses, (Texts{"10.0.0.1", "11.0.0.1"}));
  EXPECT_EQ(answer.ttl, std::chrono::seconds(30));
}

TEST(DnsAnswer, IPv6AddressesAreSpeltAsAddressSpellsThem) {
  const DnsAnswer answer =
      read(DnsMessage("gpu.test", kAaaa)
               .record("gpu.test", kAaaa, 5, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"sv));
  EXPECT_EQ(answer.addresses, Texts{"2001:db8::1"});
}

TEST(DnsAnswer, RecordsOfOtherNamesAndTypesDoNotCount) {
  const DnsAnswer answer = read(DnsMessage("gpu.test", kA)
                                    .a("evil.test", 1, kEleven)
                                    .record("gpu.test", 16, 1, "\4text"sv)
                                    .a("gpu.test", 60, kTen));
  EXPECT_EQ(answer.addresses, Texts{"10.0.0.1"});
  EXPECT_EQ(answer.ttl, std::chrono::seconds(60));
}

TEST(DnsAnswer, AliasesAreFollowedInAnyOrderAndCountForTheTimeToLive) {
  const DnsAnswer answer = read(DnsMessage("gpu.test", kA)
                                    .a("real.test", 60, kTen)
                                    .cname("middle.test", 20, "real.test")
                                    .cname("gpu.test", 40, "middle.test"));
  EXPECT_EQ(answer.addresses, Texts{"10.0.0.1"});
  EXPECT_EQ(answer.ttl, std::chrono::seconds(20));
}

TEST(DnsAnswer, AliasesInACircleOrTooManyAreMalformed) {
  EXPECT_EQ(read(DnsMessage("a.test", kA).cname("a.test", 1, "b.test").cname("b.test", 1, "a.test")).outcome,
            DnsOutcome::kMalformed);
  for (const std::size_t aliases : {kMaxDnsAliases, kMaxDnsAliases + 1}) {
    DnsMessage message("0", kA);
    for (std::size_t i = 0; i < aliases; ++i)
      message.cname(std::to_string(i), 1, std::to_string(i + 1));
    message.a(std::to_string(aliases), 1, kTen);
    EXPECT_EQ(read(message).outcome, aliases <= kMaxDnsAliases ? DnsOutcome::kOk : DnsOutcome::kMalformed);
  }
}

TEST(DnsAnswer, AnAliasThatLeadsNowhereHasNoRecords) {
  EXPECT_EQ(read(DnsMessage("a.test", kA).cname("a.test", 1, "b.test")).outcome, DnsOutcome::kNoRecords);
  EXPECT_EQ(read(DnsMessage("a.test", kA)).outcome, DnsOutcome::kNoRecords);
}

TEST(DnsAnswer, CodesAreToldApart) {
  EXPECT_EQ(read(DnsMessage("a.test", kA, 0x8183)).outcome, DnsOutcome::kNoName);
  EXPECT_EQ(read(DnsMessage("a.test", kA, 0x8182)).outcome, DnsOutcome::kServerFailure);
  EXPECT_EQ(read(DnsMessage("a.test", kA, 0x8185)).outcome, DnsOutcome::kServerFailure);
}

TEST(DnsAnswer, ServicesComeWithTheAddressesThatTheAnswerBrings) {
  const DnsAnswer answer =
      read(DnsMessage("_http._tcp.test", kSrv)
               .srv("_http._tcp.test", 60, 10, 5, 8000, "GPU-1.test")
               .srv("_http._tcp.test", 60, 20, 0, 8001, "gpu-2.test")
               .srv("_http._tcp.test", 60, 20, 0, 8001, "")
               .record("test", 2, 60, DnsMessage::wire("ns.test"), DnsMessage::kAuthority)
               .a("gpu-1.test", 7, kTen, DnsMessage::kAdditional)
               .a("other.test", 1, kEleven, DnsMessage::kAdditional));
  ASSERT_EQ(answer.outcome, DnsOutcome::kOk) << answer.problem;
  ASSERT_EQ(answer.services.size(), 3u);
  EXPECT_EQ(answer.services[0].priority, 10);
  EXPECT_EQ(answer.services[0].weight, 5);
  EXPECT_EQ(answer.services[0].port, 8000);
  EXPECT_EQ(answer.services[0].target, "gpu-1.test");
  EXPECT_EQ(answer.services[0].addresses, Texts{"10.0.0.1"});
  EXPECT_EQ(answer.services[1].addresses, Texts{});
  EXPECT_EQ(answer.services[2].target, "");
  EXPECT_EQ(answer.ttl, std::chrono::seconds(7));
}

TEST(DnsAnswer, ATargetWithStrangeCharactersIsMalformed) {
  EXPECT_EQ(read(DnsMessage("s.test", kSrv).srv("s.test", 1, 0, 0, 1, "a b.test")).outcome,
            DnsOutcome::kMalformed);
}

// The address of an owner that is written as it is given.
DnsAnswer read_with_owner(std::string_view question, std::string_view owner) {
  DnsMessage message(question, kA);
  message.bytes[7] = 1;
  message.bytes += owner;
  message.number(kA, 2).number(1, 2).number(60, 4).number(4, 2).bytes += kTen;
  return read(message);
}

TEST(DnsAnswer, ALabelThatHoldsADotIsNotTwoLabels) {
  EXPECT_EQ(read_with_owner("a.b", "\1a\1b\0"sv).outcome, DnsOutcome::kOk);
  EXPECT_EQ(read_with_owner("a.b", "\3a.b\0"sv).outcome, DnsOutcome::kNoRecords);
}

TEST(DnsAnswer, NamesMayBeCompressedButOnlyBackwards) {
  constexpr std::size_t kOwnerAt = 12 + 10 + 4;
  EXPECT_EQ(read_with_owner("gpu.test", "\xc0\x0c"sv).addresses, Texts{"10.0.0.1"});
  EXPECT_EQ(read_with_owner("gpu.test", "\3gpu\xc0\x10"sv).addresses, Texts{"10.0.0.1"});
  for (const std::size_t target :
       {std::size_t{0}, std::size_t{11}, kOwnerAt, kOwnerAt + 2, std::size_t{0x3FFF}}) {
    EXPECT_EQ(read_with_owner("gpu.test", DnsMessage::text(0xC000 | target, 2)).outcome,
              DnsOutcome::kMalformed)
        << target;
  }
  EXPECT_EQ(read_with_owner("gpu.test", "\x40gpu\0"sv).outcome, DnsOutcome::kMalformed) << "a reserved label";
}

TEST(DnsAnswer, OfATargetsAddressesNoMoreThanTheLimitAreTaken) {
  DnsMessage message("s.test", kSrv);
  message.srv("s.test", 1, 0, 0, 1, "gpu.test").srv("s.test", 1, 0, 0, 2, "gpu.test");
  for (std::size_t i = 0; i <= kMaxDnsTargetAddresses; ++i)
    message.a("gpu.test", 1, DnsMessage::text(0x0a000000 + i, 4), DnsMessage::kAdditional);
  const DnsAnswer answer = read(message);
  ASSERT_EQ(answer.services.size(), 2u);
  EXPECT_EQ(answer.services[1].addresses.size(), kMaxDnsTargetAddresses);
}

TEST(DnsAnswer, ANameOfMoreThan255BytesIsMalformed) {
  const auto with_owner = [](std::size_t last) {
    const std::string label(63, 'x');
    return read(DnsMessage("gpu.test", kA)
                    .a(label + "." + label + "." + label + "." + std::string(last, 'x'), 60, kTen)
                    .a("gpu.test", 60, kTen))
        .outcome;
  };
  EXPECT_EQ(with_owner(61), DnsOutcome::kOk);
  EXPECT_EQ(with_owner(62), DnsOutcome::kMalformed);
}

TEST(DnsAnswer, EveryCutOfAnAnswerIsMalformed) {
  const DnsMessage whole = DnsMessage("s.test", kSrv)
                               .srv("s.test", 60, 10, 5, 8000, "gpu.test")
                               .record("test", 2, 60, DnsMessage::wire("ns.test"), DnsMessage::kAuthority)
                               .a("gpu.test", 7, kTen, DnsMessage::kAdditional);
  ASSERT_EQ(read(whole).outcome, DnsOutcome::kOk);
  for (std::size_t size = 0; size < whole.bytes.size(); ++size)
    EXPECT_EQ(read(whole.bytes.substr(0, size)).outcome, DnsOutcome::kMalformed) << size;
  EXPECT_EQ(read(whole.bytes + "x").outcome, DnsOutcome::kMalformed);
}

TEST(DnsAnswer, WhatIsNoAnswerToOneQuestionOfTheInternetIsMalformed) {
  EXPECT_EQ(read(DnsMessage("a.test", kA, 0x0100).a("a.test", 1, kTen)).outcome, DnsOutcome::kMalformed);
  EXPECT_EQ(read(DnsMessage("a.test", kA, 0x9180).a("a.test", 1, kTen)).outcome, DnsOutcome::kMalformed);
  EXPECT_EQ(read(DnsMessage("a.test", 16)).outcome, DnsOutcome::kMalformed);
  DnsMessage two("a.test", kA);
  two.bytes[5] = 2;
  EXPECT_EQ(read(two).outcome, DnsOutcome::kMalformed);
  DnsMessage chaos("a.test", kA);
  chaos.bytes.back() = 3;
  EXPECT_EQ(read(chaos).outcome, DnsOutcome::kMalformed);
}

TEST(DnsAnswer, ATruncatedAnswerIsNotTakenForAWholeOne) {
  const DnsAnswer answer = read(DnsMessage("a.test", kA, 0x8380).a("a.test", 1, kTen));
  EXPECT_EQ(answer.outcome, DnsOutcome::kMalformed);
  EXPECT_NE(answer.problem.find("truncated"), std::string::npos);
}

TEST(DnsAnswer, AnAddressOfTheWrongLengthIsMalformed) {
  EXPECT_EQ(read(DnsMessage("a.test", kA).a("a.test", 1, "\x0a\0\0"sv)).outcome, DnsOutcome::kMalformed);
  EXPECT_EQ(read(DnsMessage("a.test", kAaaa).record("a.test", kAaaa, 1, kTen)).outcome,
            DnsOutcome::kMalformed);
}

TEST(DnsAnswer, ATimeToLiveThatWouldBeNegativeIsZero) {
  EXPECT_EQ(read(DnsMessage("a.test", kA).a("a.test", 0x80000000U, kTen)).ttl, Duration::zero());
}

}  // namespace
}  // namespace sluice
