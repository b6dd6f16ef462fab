#include "gateway/llm/sse.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace sluice::llm {
namespace {

struct Seen {
  std::string event, data, id;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  bool has_data = false;
  bool has_field = false;
  bool oversize = false;

  bool operator==(const Seen&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Seen& seen) {
  return out << "{event=" << seen.event << " data=" << testing::PrintToString(seen.data) << " id=" << seen.id
             << " [" << seen.begin << ',' << seen.end << ") data:" << seen.has_data
             << " field:" << seen.has_field << " oversize:" << seen.oversize << '}';
}

Seen seen(const SseEvent& e) {
  return {std::string(e.event), std::string(e.data), std::string(e.id), e.begin, e.end,
          e.has_data,           e.has_field,         e.oversize};
}

constexpr std::size_t kNoLimit = 1 << 30;

std::vector<Seen> scan(const std::vector<std::string>& chunks, std::size_t limit = kNoLimit) {
  std::vector<Seen> events;
  SseScanner scanner(limit);
  for (const std::string& chunk : chunks) {
    // A copy that dies with the feed: AddressSanitizer reports a view kept past it.
    const std::string borrowed = chunk;
    scanner.feed(borrowed, [&](const SseEvent& e) { events.push_back(seen(e)); });
  }
  return events;
}

// The specification read literally: split the whole stream into lines, then interpret one line after the
// other.
std::vector<Seen> reference(std::string_view stream, std::size_t limit = kNoLimit) {
  std::vector<Seen> events;
  std::size_t at = stream.starts_with("\xef\xbb\xbf") ? 3 : 0;
  Seen block;
  std::size_t block_bytes = 0;
  bool first_data = true;
  for (;;) {
    const std::size_t stop = stream.find_first_of("\r\n", at);
    if (stop == std::string_view::npos) return events;
    const std::string_view line = stream.substr(at, stop - at);
    if (line.empty()) {
      if (block_bytes > 0) {
        block.end = stop + 1;
        block.oversize = block_bytes > limit;
        if (block.oversize) block.event = block.data = block.id = "";
        events.push_back(block);
      }
      block = {};
      block_bytes = 0;
      first_data = true;
    } else {
      if (block_bytes == 0) block.begin = at;
      block_bytes += line.size();
      const std::size_t colon = line.find(':');
      const std::string_view name = line.substr(0, colon);
      std::string_view value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
      if (value.starts_with(' ')) value.remove_prefix(1);
      if (name == "data") {
        if (!first_data) block.data += '\n';
        first_data = false;
        block.data += value;
        block.has_data = true;
      }
      if (name == "event") block.event = value;
      if (name == "id" && value.find('\0') == std::string_view::npos) block.id = value;
      if (name == "data" || name == "event" || name == "id" || name == "retry") block.has_field = true;
    }
    at = stop + (stream.substr(stop, 2) == "\r\n" ? 2 : 1);
  }
}

std::string replace_all(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
}

struct StreamCase {
  const char* name;
  std::string stream;
  std::vector<std::string> data;  // of the events that have data
};

class SseStream : public testing::TestWithParam<StreamCase> {};

std::vector<std::string> data_of(const std::vector<Seen>& events) {
  std::vector<std::string> data;
  for (const Seen& event : events) {
    if (event.has_data) data.push_back(event.data);
  }
  return data;
}

TEST_P(SseStream, HasTheExpectedEvents) {
  EXPECT_EQ(data_of(scan({GetParam().stream})), GetParam().data);
}

TEST_P(SseStream, GivesTheSameEventsWithEveryLineEndAndEverySplit) {
  for (const char* line_end : {"\n", "\r", "\r\n"}) {
    const std::string stream = replace_all(GetParam().stream, "\n", line_end);
    const std::vector<Seen> whole = scan({stream});
    EXPECT_EQ(whole, reference(stream));
    EXPECT_EQ(data_of(whole), GetParam().data);
    for (std::size_t i = 0; i <= stream.size(); ++i) {
      for (std::size_t j = i; j <= stream.size(); ++j) {
        ASSERT_EQ(scan({stream.substr(0, i), stream.substr(i, j - i), stream.substr(j)}), whole)
            << i << ' ' << j;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Table, SseStream,
    testing::Values(
        StreamCase{"Empty", "", {}}, StreamCase{"OneEvent", "data: {\"a\":1}\n\n", {"{\"a\":1}"}},
        StreamCase{"Several", "data: a\n\ndata:b\n\ndata:  c\n\n", {"a", "b", " c"}},
        StreamCase{"ManyBlankLines", "\n\n\ndata: a\n\n\n\ndata: b\n\n", {"a", "b"}},
        StreamCase{"CutOffAtTheEnd", "data: a\n\ndata: b\n", {"a"}},
        StreamCase{"CutOffInALine", "data: a\n\ndata: b", {"a"}},
        StreamCase{"MultiLine", "data: a\ndata\ndata:\ndata: b\n\n", {"a\n\n\nb"}},
        StreamCase{"EmptyData", "data\n\ndata:\n\n", {"", ""}},
        StreamCase{"Comments", ": ping\n\n:\ndata: a\n:x\n\n", {"a"}},
        StreamCase{"Fields", "event: e\nid: 7\nretry: 10\ndata: a\n\nevent: alone\n\n", {"a"}},
        StreamCase{"UnknownFields", "datax: a\ndat: b\ndata : c\n data: d\nDATA: e\ndata: f\n\n", {"f"}},
        StreamCase{"Bom",
                   "\xef\xbb\xbf"
                   "data: a\n\n",
                   {"a"}},
        StreamCase{"TwoBoms",
                   "\xef\xbb\xbf\xef\xbb\xbf"
                   "data: a\n\ndata: b\n\n",
                   {"b"}},
        StreamCase{"HalfABom",
                   "\xef\xbb"
                   "data: a\n\ndata: b\n\n",
                   {"b"}},
        StreamCase{"BomLater",
                   "data: a\n\n\xef\xbb\xbf"
                   "data: b\n\n",
                   {"a"}},
        StreamCase{"MultiByte", "data: \xc3\xa9\xf0\x9f\x98\x80\n\n", {"\xc3\xa9\xf0\x9f\x98\x80"}},
        StreamCase{"NotUtf8", "data: \xff\xfe\n\n", {"\xff\xfe"}},
        StreamCase{"LongerThanAVector",
                   "data: " + std::string(50, 'x') + "\n\ndata: " + std::string(33, 'y') + "\n\n",
                   {std::string(50, 'x'), std::string(33, 'y')}}),
    [](const auto& instance) { return instance.param.name; });

TEST(SseScanner, ReportsFieldsOffsetsAndComments) {
  const std::string stream = ": c\n\nevent: error\nid: 5\ndata: x\n\nretry: 1\n\n";
  const std::vector<Seen> events = scan({stream});
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0], (Seen{"", "", "", 0, 5, false, false, false}));
  EXPECT_EQ(events[1], (Seen{"error", "x", "5", 5, 33, true, true, false}));
  EXPECT_EQ(events[2], (Seen{"", "", "", 33, 43, false, true, false}));
}

TEST(SseScanner, IgnoresAnIdWithNul) {
  const std::vector<Seen> events = scan({std::string("id: 1\nid: a\0b\ndata\n\n", 20)});
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].id, "1");
}

TEST(SseScanner, ShowsDataInPlaceWhenTheEventIsWhole) {
  const std::string chunk = "data: a\n\nid: 1\ndata: b\n\n";
  SseScanner scanner;
  scanner.feed(chunk, [&](const SseEvent& event) {
    EXPECT_GE(event.data.data(), chunk.data());
    EXPECT_LE(event.data.data() + event.data.size(), chunk.data() + chunk.size());
  });
  EXPECT_EQ(scanner.memory(), 0u);
}

TEST(SseScanner, TellsOversizeBySizeAloneAndGoesOn) {
  // The first event's lines are 19 bytes long together.
  const std::string stream = "event: e\ndata: 12345\n\ndata: b\n\n";
  for (std::size_t i = 0; i <= stream.size(); ++i) {
    for (std::size_t j = i; j <= stream.size(); ++j) {
      const std::vector<std::string> chunks = {stream.substr(0, i), stream.substr(i, j - i),
                                               stream.substr(j)};
      const std::vector<Seen> fits = scan(chunks, 19);
      ASSERT_EQ(fits, reference(stream));
      const std::vector<Seen> over = scan(chunks, 18);
      ASSERT_EQ(over.size(), 2u);
      ASSERT_EQ(over[0], (Seen{"", "", "", 0, 22, true, true, true})) << i << ' ' << j;
      ASSERT_EQ(over[1].data, "b");
    }
  }
}

TEST(SseScanner, HoldsNoMoreThanTheLimitHoweverLongTheEvent) {
  constexpr std::size_t kLimit = 4096;
  SseScanner scanner(kLimit);
  int events = 0;
  const auto count = [&](const SseEvent& event) { events += event.oversize ? 1 : 0; };
  scanner.feed("data: ", count);
  for (int i = 0; i < 1000; ++i) {
    scanner.feed(std::string(1000, 'x'), count);
    // A string may grow to twice what it needs.
    ASSERT_LE(scanner.memory(), 2 * kLimit + 64);
  }
  EXPECT_EQ(events, 0);
  scanner.feed("\n\n", count);
  EXPECT_EQ(events, 1);
  EXPECT_LE(scanner.memory(), 4 * 1025u);
}

TEST(SseScanner, GivesLargeCarriesBackAfterTheEvent) {
  SseScanner scanner;
  const auto ignore = [](const SseEvent&) {};
  scanner.feed("data: " + std::string(30000, 'x'), ignore);
  EXPECT_GE(scanner.memory(), 30000u);
  scanner.feed("\n\n", ignore);
  EXPECT_LE(scanner.memory(), 2 * 1025u);
}

TEST(SseScanner, AgreesWithTheReferenceOnRandomStreams) {
  const std::vector<std::string> words = {"data",
                                          "data: ",
                                          "data:",
                                          "event: ",
                                          "id: ",
                                          ":",
                                          "\n",
                                          "\n\n",
                                          "\r",
                                          "\r\n",
                                          "x",
                                          "\xef\xbb\xbf",
                                          "\n",
                                          " ",
                                          "retry",
                                          "data: {\"choices\":[]}\n\n",
                                          "id",
                                          "event",
                                          std::string(1, '\0')};
  std::mt19937 random(20240607);
  const auto below = [&](std::size_t n) { return random() % n; };
  for (int round = 0; round < 20000; ++round) {
    std::string stream;
    for (std::size_t n = below(30); n > 0; --n)
      stream += words[below(words.size())];
    std::vector<std::string> chunks;
    for (std::size_t at = 0; at < stream.size();) {
      const std::size_t size = 1 + below(12);
      chunks.push_back(stream.substr(at, size));
      at += size;
    }
    const std::size_t limit = below(3) == 0 ? 1 + below(40) : kNoLimit;
    ASSERT_EQ(scan(chunks, limit), reference(stream, limit))
        << testing::PrintToString(stream) << " limit " << limit;
    ASSERT_EQ(scan({stream}, limit), reference(stream, limit)) << testing::PrintToString(stream);
  }
}

TEST(AppendSseEvent, WritesWhatTheScannerReadsBack) {
  for (const std::string data : {"", "a", "a\nb", "a\n\nb\n", "\n"}) {
    std::string stream;
    append_sse_event(data, stream);
    const std::vector<Seen> events = scan({stream});
    ASSERT_EQ(events.size(), 1u) << data;
    EXPECT_EQ(events[0].data, data);
  }
  std::string stream;
  append_sse_event("a\r\nb\rc", stream);
  EXPECT_EQ(stream, "data: a\ndata: b\ndata: c\n\n");
}

TEST(SseDone, IsOneEvent) {
  EXPECT_EQ(data_of(scan({std::string(kSseDone)})), std::vector<std::string>{"[DONE]"});
}

}  // namespace
}  // namespace sluice::llm
