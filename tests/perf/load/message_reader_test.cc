#include "perf/load/message_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace sluice::load {
namespace {

struct Recorder final : MessageReader::Sink {
  void head(std::string_view line) override { messages.emplace_back(line); }
  void content(std::string_view bytes) override { messages.back().append("|").append(bytes); }
  void end() override { messages.back() += "."; }
  std::vector<std::string> messages;
};

using Messages = std::vector<std::string>;

// What is read of these bytes when they come at once.
Messages read(MessageReader::Kind kind, std::string_view bytes, bool expect_good = true) {
  Recorder whole;
  MessageReader reader(kind);
  EXPECT_EQ(reader.take(bytes, whole), expect_good);
  EXPECT_EQ(reader.between(), expect_good);
  return whole.messages;
}

constexpr auto kAnswers = MessageReader::Kind::kAnswers;
constexpr auto kRequests = MessageReader::Kind::kRequests;
constexpr std::string_view kThree =
    "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc"
    "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"
    "HTTP/1.1 204 No Content\r\n\r\n"
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\nA;x=y\r\n0123456789\r\n0\r\nTrailer: "
    "t\r\n\r\n";

TEST(MessageReader, ReadsOneAnswerAfterTheOther) {
  EXPECT_EQ(read(kAnswers, kThree),
            (Messages{"HTTP/1.1 200 OK|abc.", "HTTP/1.1 204 No Content.", "HTTP/1.1 200 OK|ab|0123456789."}));
}

TEST(MessageReader, ReadsTheSameInPiecesOfAnySize) {
  const auto joined = [](Messages messages) {
    for (std::string& m : messages)
      std::erase(m, '|');
    return messages;
  };
  for (std::size_t piece = 1; piece < kThree.size(); ++piece) {
    Recorder recorder;
    MessageReader reader(kAnswers);
    for (std::size_t at = 0; at < kThree.size(); at += piece)
      EXPECT_TRUE(reader.take(kThree.substr(at, piece), recorder));
    EXPECT_EQ(joined(recorder.messages), joined(read(kAnswers, kThree))) << piece;
  }
}

TEST(MessageReader, ReadsPipelinedRequests) {
  EXPECT_EQ(
      read(kRequests, "GET /a HTTP/1.1\r\nHost: x\r\n\r\nPOST /b HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"),
      (Messages{"GET /a HTTP/1.1.", "POST /b HTTP/1.1|{}."}));
}

TEST(MessageReader, RefusesWhatHasNoEndOrIsNoHttp) {
  read(kAnswers, "HTTP/1.1 200 OK\r\n\r\nto the end", false);
  read(kAnswers, "HTTP/1.1 200 OK\r\nContent-Length: 3x\r\n\r\nabc", false);
  read(kAnswers, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", false);
  read(kAnswers, "SSH-2.0-x\r\n\r\n", false);
}

}  // namespace
}  // namespace sluice::load
