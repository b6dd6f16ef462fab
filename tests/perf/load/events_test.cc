#include "perf/load/events.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "perf/load/message_reader.h"

namespace sluice::load {
namespace {

struct Recorder final : EventReader::Sink {
  void event(Nanos sent) override { times.push_back(sent); }
  std::vector<Nanos> times;
};

// The content of a body in chunks.
std::string content_of(std::string_view chunks) {
  struct Content final : MessageReader::Sink {
    void head(std::string_view) override {}
    void content(std::string_view bytes) override { all += bytes; }
    void end() override { ended = true; }
    std::string all;
    bool ended = false;
  } sink;
  MessageReader reader(MessageReader::Kind::kAnswers);
  EXPECT_TRUE(reader.take("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", sink));
  EXPECT_TRUE(reader.take(chunks, sink));
  EXPECT_TRUE(sink.ended);
  return sink.all;
}

std::string stream_of(std::initializer_list<std::uint32_t> numbers) {
  std::string chunks;
  for (const std::uint32_t n : numbers)
    append_event(chunks, 1'000'000 + n, n);
  append_end(chunks);
  return content_of(chunks);
}

TEST(Events, AreOfOneSizeAndEndWithDone) {
  EXPECT_EQ(stream_of({0, 1}).size(), 2 * event_bytes() + std::string_view("data: [DONE]\n\n").size());
}

TEST(Events, AreReadHoweverTheyAreCut) {
  const std::string stream = stream_of({0, 1, 2});
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
    EventReader reader;
    Recorder recorder;
    for (std::size_t at = 0; at < stream.size(); at += piece)
      reader.take(std::string_view(stream).substr(at, piece), recorder);
    EXPECT_EQ(recorder.times, (std::vector<Nanos>{1'000'000, 1'000'001, 1'000'002})) << piece;
    EXPECT_TRUE(reader.done());
    EXPECT_EQ(reader.out_of_order(), 0u);
  }
}

TEST(Events, OnesThatAreMissingOrComeTwiceAreSeen) {
  Recorder recorder;
  EventReader lost;
  lost.take(stream_of({0, 2}), recorder);
  EXPECT_EQ(lost.out_of_order(), 1u);
  EventReader twice;
  twice.take(stream_of({0, 1, 1}), recorder);
  EXPECT_EQ(twice.out_of_order(), 1u);
}

TEST(Events, AreFoundWhereAGatewayWroteThemAnew) {
  EventReader reader;
  Recorder recorder;
  reader.take(
      ": keep-alive\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"0000000000000000042 00000000\"}}]}\n\n",
      recorder);
  EXPECT_EQ(recorder.times, std::vector<Nanos>{42});
  EXPECT_EQ(reader.out_of_order(), 0u);
}

TEST(Events, TextThatIsNoTimeIsCounted) {
  EventReader reader;
  Recorder recorder;
  reader.take("data: {\"choices\":[{\"delta\":{\"content\":\"hello\"}}]}\n\n", recorder);
  EXPECT_EQ(reader.out_of_order(), 1u);
}

}  // namespace
}  // namespace sluice::load
