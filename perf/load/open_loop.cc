#include "perf/load/open_loop.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "perf/load/message_reader.h"

namespace sluice::load {

class OpenLoop::Connection final : Loop::Watcher, MessageReader::Sink {
 public:
  explicit Connection(OpenLoop& owner) : owner_(owner) {}
  ~Connection() { close(); }

  void ask(Nanos intended) {
    intended_ = intended;
    busy_ = true;
    if (!socket_.open()) return open();
    send_request();
  }

  bool overdue(Nanos time) const { return busy_ && time - intended_ > owner_.options_.patience; }
  bool busy() const { return busy_; }
  void give_up() { fail("no answer in time"); }

 private:
  void open() {
    socket_ = connect_to(owner_.options_.address);
    if (!socket_.open()) return fail(fmt::format("connecting: {}", std::strerror(errno)));
    connecting_ = true;
    owner_.loop_.watch(socket_.number(), EPOLLOUT, *this);
  }

  void send_request() {
    const std::string& request = owner_.options_.request;
    if (owner_.measured(intended_)) owner_.delays_.add(now() - intended_);
    const ssize_t n = send(socket_.number(), request.data(), request.size(), MSG_NOSIGNAL);
    if (n != static_cast<ssize_t>(request.size())) gone(fmt::format("sending: {}", std::strerror(errno)));
  }

  // A server may end an idle connection just as the next request is under way to it: what clients then ask
  // anew is no error of the server's.
  void gone(const std::string& what) {
    if (!busy_) return close();
    if (!reused_ || !reader_.between()) return fail(what);
    close();
    ++owner_.repeated_;
    open();
  }

  void ready(std::uint32_t) override {
    if (connecting_) {
      if (!connected(socket_)) return fail(fmt::format("connecting: {}", std::strerror(errno)));
      connecting_ = false;
      owner_.loop_.change(socket_.number(), EPOLLIN, *this);
      return send_request();
    }
    std::array<char, 64 * 1024> buffer;
    const ssize_t n = recv(socket_.number(), buffer.data(), buffer.size(), 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0)
      return gone(n == 0 ? "the connection was closed" : fmt::format("receiving: {}", std::strerror(errno)));
    ended_ = false;
    if (!busy_ || !reader_.take({buffer.data(), static_cast<std::size_t>(n)}, *this))
      return fail("bytes that are no answer");
    if (!ended_) return;
    if (status_ != "200") return fail("status " + status_);
    busy_ = false;
    reused_ = true;
    owner_.answered(intended_);
    owner_.free_.push_back(this);
    owner_.send_waiting();
  }

  void head(std::string_view line) override { status_ = line.substr(9, 3); }
  void content(std::string_view) override {}
  void end() override { ended_ = true; }

  void fail(const std::string& what) {
    const bool was_busy = std::exchange(busy_, false);
    close();
    owner_.failed(what);
    if (was_busy) owner_.free_.push_back(this);
  }

  void close() {
    reader_ = MessageReader(MessageReader::Kind::kAnswers);
    connecting_ = false;
    reused_ = false;
    if (!socket_.open()) return;
    owner_.loop_.forget(socket_.number(), *this);
    socket_.close();
  }

  OpenLoop& owner_;
  Descriptor socket_;
  MessageReader reader_{MessageReader::Kind::kAnswers};
  std::string status_;
  Nanos intended_ = 0;
  bool busy_ = false;
  bool connecting_ = false;
  bool reused_ = false;
  bool ended_ = false;
};

OpenLoop::OpenLoop(Loop& loop, Options options)
    : loop_(loop), options_(std::move(options)), gap_(kSecond / options_.per_second) {
  for (std::size_t i = 0; i < options_.connections; ++i) {
    connections_.push_back(std::make_unique<Connection>(*this));
    free_.push_back(connections_.back().get());
  }
  next_ = now() + kMillisecond;
  begin_ = next_ + options_.warm_up;
  end_ = begin_ + options_.duration;
  loop_.arm(*this, next_);
}

OpenLoop::~OpenLoop() {
  loop_.disarm(*this);
}

void OpenLoop::due() {
  const Nanos time = now();
  for (; next_ <= time && next_ < end_; next_ += gap_) {
    if (measured(next_)) ++asked_;
    waiting_.push_back(next_);
  }
  send_waiting();
  if (next_ < end_) return loop_.arm(*this, next_);

  // The last answers.
  bool busy = !waiting_.empty();
  for (const auto& connection : connections_) {
    if (connection->overdue(time)) connection->give_up();
    busy = busy || connection->busy();
  }
  if (!busy) return loop_.stop();
  loop_.arm(*this, time + 10 * kMillisecond);
}

void OpenLoop::send_waiting() {
  while (!free_.empty() && !waiting_.empty()) {
    Connection* connection = free_.back();
    free_.pop_back();
    const Nanos intended = waiting_.front();
    waiting_.pop_front();
    connection->ask(intended);
  }
}

void OpenLoop::answered(Nanos intended) {
  if (measured(intended)) latencies_.add(now() - intended);
}

void OpenLoop::failed(const std::string& what) {
  if (++errors_ == 1) first_error_ = what;
}

std::string OpenLoop::json() const {
  return fmt::format(
      R"({{"good":{},"requests":{},"errors":{},"first_error":"{}","repeated":{},"latency":{},"delay":{}}})",
      good(), asked_, errors_, first_error_, repeated_, latencies_.json(), delays_.json());
}

}  // namespace sluice::load
