#include "perf/load/backend.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <deque>
#include <string>
#include <string_view>

#include "perf/load/events.h"
#include "perf/load/message_reader.h"

namespace sluice::load {
namespace {

constexpr std::string_view kStreamHead =
    "HTTP/1.1 200 OK\r\ndate: Mon, 02 Nov 2026 09:00:00 GMT\r\nserver: uvicorn\r\n"
    "content-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n";
constexpr std::string_view kAnswer =
    R"({"id":"chatcmpl-1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10}})";
constexpr double kGolden = 0.6180339887;  // its multiples, modulo 1, spread evenly however many they are
constexpr std::size_t kLargestAnswer = 64u << 20;
constexpr unsigned kLargestBurst = 1024;

std::string json_answer(std::string_view content) {
  return fmt::format(
      "HTTP/1.1 200 OK\r\nserver: uvicorn\r\ncontent-length: {}\r\ncontent-type: application/json\r\n\r\n{}",
      content.size(), content);
}

// The numbers of a path behind a prefix: "/v1/events/5/20/1" behind "/v1/events/" gives 5, 20, 1. What is
// missing or no number stays as it is.
template <std::size_t N>
void read_numbers(std::string_view rest, std::array<std::uint64_t, N>& numbers) {
  for (std::uint64_t& number : numbers) {
    const auto parsed = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (parsed.ec != std::errc{} || parsed.ptr == rest.data() + rest.size()) return;
    rest.remove_prefix(static_cast<std::size_t>(parsed.ptr + 1 - rest.data()));
  }
}

}  // namespace

class Backend::Connection final : Loop::Watcher, Loop::Timer, MessageReader::Sink {
 public:
  Connection(Backend& backend, Descriptor socket) : backend_(backend), socket_(std::move(socket)) {
    backend_.loop_.watch(socket_.number(), EPOLLIN, *this);
  }
  ~Connection() {
    if (streaming_) --backend_.counts_.streams;
    backend_.loop_.disarm(*this);
    backend_.loop_.forget(socket_.number(), *this);
  }

 private:
  void ready(std::uint32_t events) override {
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && !receive()) return backend_.drop(*this);
    if ((events & EPOLLOUT) != 0 && !(flush() && (!unpaced() || send_events()))) return backend_.drop(*this);
    if (!go_on()) backend_.drop(*this);
  }

  // The next events are due.
  void due() override {
    // A stream that is not read has its events later, as a model's tokens would wait.
    if (out_.empty() && !send_events()) return backend_.drop(*this);
    if (streaming_) {
      next_ += gap_;
      backend_.loop_.arm(*this, next_);
    } else if (!go_on()) {
      backend_.drop(*this);
    }
  }

  bool receive() {
    static std::array<char, 256 * 1024> buffer;
    const ssize_t n = recv(socket_.number(), buffer.data(), buffer.size(), 0);
    if (n <= 0) return n < 0 && errno == EAGAIN;
    if (reader_.take({buffer.data(), static_cast<std::size_t>(n)}, *this)) return true;
    ++backend_.counts_.malformed;
    return false;
  }

  void head(std::string_view line) override {
    const std::size_t begin = line.find(' ') + 1;
    path_ = line.substr(begin, line.rfind(' ') - begin);
  }
  void content(std::string_view) override {}
  void end() override { asked_.push_back(std::move(path_)); }

  // Answers what has been asked, one request after the other.
  bool go_on() {
    while (!streaming_ && out_.empty() && !asked_.empty()) {
      const std::string path = std::move(asked_.front());
      asked_.pop_front();
      ++backend_.counts_.requests;
      if (!answer(path)) return false;
    }
    return true;
  }

  bool answer(std::string_view path) {
    constexpr std::string_view kEvents = "/v1/events/";
    constexpr std::string_view kBytes = "/v1/answer/";
    if (path.starts_with(kEvents)) return begin_stream(path.substr(kEvents.size()));
    if (path.starts_with(kBytes)) {
      std::array<std::uint64_t, 1> size{};
      read_numbers(path.substr(kBytes.size()), size);
      out_ = json_answer('"' + std::string(std::min<std::size_t>(size[0], kLargestAnswer), 'a') + '"');
    } else if (path == "/stats") {
      const Counts& c = backend_.counts_;
      out_ = json_answer(
          fmt::format(R"({{"connections":{},"streams":{},"requests":{},"events":{},"malformed":{}}})",
                      backend_.connections_.size(), c.streams, c.requests, c.events, c.malformed));
    } else {
      out_ = json_answer(kAnswer);
    }
    return flush();
  }

  bool begin_stream(std::string_view numbers) {
    std::array<std::uint64_t, 3> asked{1, 1'000'000, 1};
    read_numbers(numbers, asked);
    endless_ = asked[0] == 0;
    left_ = asked[0];
    gap_ = static_cast<Nanos>(asked[1]) * kMicrosecond;
    burst_ = std::clamp<std::uint64_t>(asked[2], 1, kLargestBurst);
    number_ = 0;
    streaming_ = true;
    ++backend_.counts_.streams;
    out_ = kStreamHead;
    if (unpaced()) {
      watch_for_room(true);
    } else {
      const double phase = std::fmod(static_cast<double>(backend_.counts_.requests) * kGolden, 1);
      next_ = now() + static_cast<Nanos>(phase * static_cast<double>(gap_));
      backend_.loop_.arm(*this, next_);
    }
    return flush();
  }

  bool unpaced() const { return streaming_ && gap_ == 0; }

  // One burst in one send.
  bool send_events() {
    if (!out_.empty()) return true;
    const std::uint64_t count = endless_ ? burst_ : std::min(burst_, left_);
    const Nanos sent = now();
    for (std::uint64_t i = 0; i < count; ++i)
      append_event(out_, sent, number_++);
    left_ -= endless_ ? 0 : count;
    backend_.counts_.events += count;
    if (!endless_ && left_ == 0) {
      append_end(out_);
      streaming_ = false;
      --backend_.counts_.streams;
    }
    return flush();
  }

  // Sends what is left; false if the peer is gone.
  bool flush() {
    if (!out_.empty()) {
      const ssize_t n = send(socket_.number(), out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
      if (n < 0 && errno != EAGAIN) return false;
      sent_ += static_cast<std::size_t>(std::max<ssize_t>(n, 0));
      if (sent_ == out_.size()) {
        out_.clear();
        sent_ = 0;
      }
    }
    watch_for_room(!out_.empty() || unpaced());
    return true;
  }

  void watch_for_room(bool wanted) {
    if (wanted == waits_for_room_) return;
    waits_for_room_ = wanted;
    backend_.loop_.change(socket_.number(), EPOLLIN | (wanted ? EPOLLOUT : 0u), *this);
  }

  Backend& backend_;
  Descriptor socket_;
  MessageReader reader_{MessageReader::Kind::kRequests};
  std::string path_;
  std::deque<std::string> asked_;
  std::string out_;       // what is being sent
  std::size_t sent_ = 0;  // of it
  bool waits_for_room_ = false;

  bool streaming_ = false;
  bool endless_ = false;
  std::uint64_t left_ = 0;
  std::uint64_t burst_ = 1;
  std::uint32_t number_ = 0;
  Nanos gap_ = 0;
  Nanos next_ = 0;
};

Backend::Backend(Loop& loop, std::uint16_t port) : loop_(loop), listener_(*this, port) {
  loop_.watch(listener_.socket.number(), EPOLLIN, listener_);
}

Backend::~Backend() {
  connections_.clear();
  loop_.forget(listener_.socket.number(), listener_);
}

void Backend::Listener::ready(std::uint32_t) {
  for (;;) {
    Descriptor accepted = accept_from(socket);
    if (!accepted.open()) return;
    auto connection = std::make_unique<Connection>(backend, std::move(accepted));
    Connection* key = connection.get();
    backend.connections_.emplace(key, std::move(connection));
  }
}

void Backend::drop(Connection& connection) {
  connections_.erase(&connection);
}

}  // namespace sluice::load
