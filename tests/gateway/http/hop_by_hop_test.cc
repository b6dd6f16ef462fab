#include "gateway/http/hop_by_hop.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

Headers parse(std::string_view lines) {
  Headers h;
  while (!lines.empty()) {
    const auto end = lines.find('\n');
    const auto line = lines.substr(0, end);
    const auto colon = line.find(": ");
    h.add(line.substr(0, colon), line.substr(colon + 2));
    lines.remove_prefix(end + 1);
  }
  return h;
}

std::string names(const Headers& h) {
  std::string out;
  for (std::size_t i = 0; i < h.size(); ++i)
    out.append(h[i].name).append(" ");
  return out;
}

TEST(HopByHop, TheFixedListGoesWhateverConnectionSays) {
  Headers h = parse(
      "Connection: keep-alive\nKeep-Alive: timeout=5\nProxy-Connection: keep-alive\nTE: trailers\n"
      "Trailer: x\nTransfer-Encoding: chunked\nUpgrade: h2c\nProxy-Authenticate: Basic\n"
      "Proxy-Authorization: Basic eA==\nAccept: */*\nX-Kept: 1\n");
  remove_hop_by_hop(h);
  EXPECT_EQ(names(h), "Accept X-Kept ");
}

TEST(HopByHop, FieldsThatConnectionNominatesGoInAnyCaseAndSpacing) {
  Headers h = parse(
      "X-A: 1\nx-b: 2\nconnection: , x-a ,\tX-B,,close\nHTTP2-Settings: AAM\nX-C: 3\n"
      "Connection: Upgrade, HTTP2-Settings\nX-A: again\n");
  remove_hop_by_hop(h);
  EXPECT_EQ(names(h), "X-C ");
}

TEST(HopByHop, ANominationTouchesNeitherHostNorContentLength) {
  Headers h = parse("Host: a\nContent-Length: 5\nX-F: 1\nConnection: host, CONTENT-LENGTH, x-f\n");
  remove_hop_by_hop(h);
  EXPECT_EQ(names(h), "Host Content-Length ");
}

TEST(HopByHop, OptionsThatAreNoFieldsRemoveNoFieldOfThatName) {
  Headers h = parse("Close: 1\nConnection: close, keep-alive\n");
  remove_hop_by_hop(h);
  EXPECT_EQ(names(h), "Close ");
}

TEST(HopByHop, ThousandsOfNominationsDoNotHideAField) {
  // The most that a 32 KiB head can hold beside a hundred fields.
  std::string list = "x-target";
  for (int i = 0; i < 12'000; ++i)
    list += ",a";
  Headers h = parse("Connection: " + list + "\nX-Target: 1\nA: 2\nB: 3\n");
  remove_hop_by_hop(h);
  EXPECT_EQ(names(h), "B ");
}

TEST(HopByHop, AConnectionOptionIsAWholeItemOfAnyConnectionField) {
  const Headers h = parse("Connection: x-close, keep-alivee\nconnection: foo,\tClose \nX: keep-alive\n");
  EXPECT_TRUE(has_connection_option(h, "close"));
  EXPECT_FALSE(has_connection_option(h, "keep-alive"));
  EXPECT_FALSE(has_connection_option(h, "fo"));
  EXPECT_FALSE(has_connection_option(Headers(), "close"));
}

}  // namespace
}  // namespace sluice
