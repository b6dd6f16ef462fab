#include "gateway/http/http_date.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

std::string at(std::int64_t unix_seconds) {
  return std::string(HttpDate(WallTime(std::chrono::seconds(unix_seconds))).view());
}

TEST(HttpDate, KnownInstantsReadAsRfc9110Says) {
  EXPECT_EQ(at(784'111'777), "Sun, 06 Nov 1994 08:49:37 GMT");  // the example of RFC 9110 5.6.7
  EXPECT_EQ(at(0), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(at(951'782'400), "Tue, 29 Feb 2000 00:00:00 GMT");  // a leap year divisible by 400
  EXPECT_EQ(at(946'684'799), "Fri, 31 Dec 1999 23:59:59 GMT");
  EXPECT_EQ(at(2'147'483'648), "Tue, 19 Jan 2038 03:14:08 GMT");  // past 32 bits
  EXPECT_EQ(at(4'107'542'400), "Mon, 01 Mar 2100 00:00:00 GMT");  // 2100 is no leap year
}

TEST(HttpDate, FractionsOfASecondAreCutOff) {
  EXPECT_EQ(HttpDate(WallTime(std::chrono::milliseconds(1'999))).view(), at(1));
}

TEST(HttpDate, EveryMonthHasItsName) {
  const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  for (unsigned m = 1; m <= 12; ++m) {
    const std::chrono::sys_days day{std::chrono::year(2023) / m / 15};
    EXPECT_EQ(HttpDate(WallTime(day.time_since_epoch())).view().substr(8, 3), months[m - 1]);
  }
}

}  // namespace
}  // namespace sluice
