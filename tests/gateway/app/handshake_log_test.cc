#include "gateway/app/handshake_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice {
namespace {

using ::testing::ElementsAre;

class HandshakeLogTest : public ::testing::Test {
 protected:
  void fail(TlsFailure failure, int times = 1) {
    for (int i = 0; i < times; ++i)
      handshakes_.on_refused({failure, "why"}, "10.0.0.1:5000");
  }

  ManualTime time_;
  MemoryLog lines_;
  HandshakeLog handshakes_{lines_, time_, "public"};
};

TEST_F(HandshakeLogTest, SaysWhoFailedAndWhy) {
  fail(TlsFailure::kNoCertificate);
  EXPECT_THAT(lines_.lines(), ElementsAre("info: TLS handshake failed listener=public client=10.0.0.1:5000 "
                                          "reason=no_certificate detail=why left_out=0"));
}

TEST_F(HandshakeLogTest, AFloodBecomesOneLineASecondThatTellsHowManyWereLeftOut) {
  fail(TlsFailure::kCertificate, 1000);
  time_.advance(std::chrono::milliseconds(999));
  fail(TlsFailure::kCertificate);
  EXPECT_EQ(lines_.lines().size(), 1u);
  time_.advance(std::chrono::milliseconds(1));
  fail(TlsFailure::kCertificate, 2);
  ASSERT_EQ(lines_.lines().size(), 2u);
  EXPECT_TRUE(lines_.lines()[1].ends_with(" left_out=1000")) << lines_.lines()[1];
}

TEST_F(HandshakeLogTest, NoiseDoesNotHideWhatAnOperatorCanMend) {
  for (const TlsFailure noise :
       {TlsFailure::kPeerGone, TlsFailure::kTimeout, TlsFailure::kPlainHttp, TlsFailure::kProtocol})
    fail(noise, 10);
  fail(TlsFailure::kVersion);
  ASSERT_EQ(lines_.lines().size(), 2u);
  EXPECT_TRUE(lines_.lines()[0].starts_with("debug: "));
  EXPECT_TRUE(lines_.lines()[1].starts_with("info: "));
}

}  // namespace
}  // namespace sluice
