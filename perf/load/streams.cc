#include "perf/load/streams.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "perf/load/message_reader.h"

namespace sluice::load {
namespace {

constexpr unsigned kSources = 8;

}  // namespace

class Streams::Stream final : Loop::Watcher, MessageReader::Sink, EventReader::Sink {
 public:
  Stream(Streams& owner, unsigned source)
      : owner_(owner), socket_(connect_to(owner.options_.address, {.source = source})) {
    if (socket_.open())
      owner_.loop_.watch(socket_.number(), EPOLLOUT, *this);
    else
      owner_.failed("connecting", errno);
  }
  ~Stream() { leave(); }

 private:
  void ready(std::uint32_t) override {
    if (!asked_)
      ask();
    else
      receive();
  }

  void ask() {
    if (!connected(socket_)) return fail("connecting", errno);
    const std::string& request = owner_.options_.request;
    const ssize_t n = send(socket_.number(), request.data(), request.size(), MSG_NOSIGNAL);
    if (n != static_cast<ssize_t>(request.size())) return fail("sending", errno);
    asked_ = true;
    owner_.loop_.change(socket_.number(), EPOLLIN, *this);
  }

  void receive() {
    static std::array<char, 256 * 1024> buffer;
    const ssize_t n = recv(socket_.number(), buffer.data(), buffer.size(), 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) return fail("receiving", n == 0 ? 0 : errno);
    arrival_ = now();
    if (!reader_.take({buffer.data(), static_cast<std::size_t>(n)}, *this))
      return fail("reading an answer", 0);
    if (!good_) return fail("an answer other than 200", 0);
    if (ended_) end_stream();
  }

  void head(std::string_view line) override { good_ = line.substr(9, 3) == "200"; }
  void content(std::string_view bytes) override {
    const std::uint64_t before = events_.out_of_order();
    events_.take(bytes, *this);
    owner_.counts_.out_of_order += events_.out_of_order() - before;
  }
  void end() override { ended_ = true; }

  void event(Nanos sent) override {
    if (!open_) {
      open_ = true;
      ++owner_.counts_.open;
    }
    ++owner_.counts_.events;
    owner_.ages_.add(arrival_ - sent);
  }

  void end_stream() {
    if (!events_.done()) return fail("a stream that ended without [DONE]", 0);
    ++owner_.counts_.ended;
    leave();
  }

  void fail(const char* what, int error) {
    leave();
    owner_.failed(what, error);
  }

  void leave() {
    if (open_) --owner_.counts_.open;
    open_ = false;
    if (!socket_.open()) return;
    owner_.loop_.forget(socket_.number(), *this);
    socket_.close();
  }

  Streams& owner_;
  Descriptor socket_;
  MessageReader reader_{MessageReader::Kind::kAnswers};
  EventReader events_;
  Nanos arrival_ = 0;
  bool asked_ = false;
  bool good_ = true;
  bool open_ = false;
  bool ended_ = false;
};

Streams::Streams(Loop& loop, Options options) : loop_(loop), options_(std::move(options)) {
  streams_.reserve(options_.count);
}

Streams::~Streams() = default;

bool Streams::open_next() {
  if (streams_.size() == options_.count) return false;
  const auto source = static_cast<unsigned>(streams_.size() % kSources);
  streams_.push_back(std::make_unique<Stream>(*this, source));
  return true;
}

void Streams::failed(const char* what, int error) {
  if (++counts_.failed > 1) return;
  counts_.first_failure = what;
  if (error != 0) counts_.first_failure += fmt::format(": {}", std::strerror(error));
}

void Streams::begin_window() {
  counts_.events = 0;
  counts_.out_of_order = 0;
  ages_.clear();
}

std::string Streams::json() const {
  return fmt::format(
      R"({{"open":{},"ended":{},"failed":{},"first_failure":"{}","events":{},"out_of_order":{},"age":{}}})",
      counts_.open, counts_.ended, counts_.failed, counts_.first_failure, counts_.events,
      counts_.out_of_order, ages_.json());
}

}  // namespace sluice::load
