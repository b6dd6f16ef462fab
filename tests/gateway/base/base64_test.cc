#include "gateway/base/base64.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

// RFC 4648, section 10.
TEST(Base64, HasPaddingAndNoLineBreaks) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foob"), "Zm9vYg==");
  EXPECT_EQ(base64("fooba"), "Zm9vYmE=");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64(std::string("\0\xff\xfe", 3)), "AP/+");
}

TEST(Base64, LongTextsArePutTogetherWithoutPaddingInside) {
  const std::string text((std::size_t{3} << 20) + 1, 'a');
  const std::string encoded = base64(text);
  EXPECT_EQ(encoded.size(), (text.size() + 2) / 3 * 4);
  EXPECT_EQ(encoded.find('='), encoded.size() - 2);
  EXPECT_TRUE(encoded.ends_with("YWFhYQ=="));
}

}  // namespace
}  // namespace sluice
