#include "perf/load/visitor.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace sluice::load {

Visitor::Visitor(Loop& loop, Host& host, Plan plan, Nanos patience)
    : loop_(loop), host_(host), plan_(std::move(plan)), patience_(patience) {}

Visitor::~Visitor() {
  for (Alarm* alarm : {&next_, &read_, &hung_})
    loop_.disarm(*alarm);
  if (socket_.open()) loop_.forget(socket_.number(), *this);
}

void Visitor::begin(const sockaddr_in& address, const ConnectOptions& options) {
  socket_ = connect_to(address, options);
  if (!socket_.open()) return finish(End::kNotConnected);
  loop_.watch(socket_.number(), EPOLLOUT, *this);
  still_there();
}

void Visitor::ready(std::uint32_t events) {
  if (connecting_) {
    if (!connected(socket_)) return finish(End::kNotConnected);
    connecting_ = false;
    reads_ = plan_.reading != Plan::Reading::kNever;
    watch();
    return go_on();
  }
  const bool gone = (events & (EPOLLHUP | EPOLLERR)) != 0;
  if (gone && plan_.reading == Plan::Reading::kNever) return finish(End::kClosed);
  if (gone || (events & EPOLLIN) != 0) receive(gone);
  if (!over_ && (events & EPOLLOUT) != 0) {
    waits_for_room_ = false;
    watch();
    go_on();
  }
}

// As many steps as can be done now.
void Visitor::go_on() {
  while (!over_ && step_ < plan_.steps.size()) {
    if (!step_done(plan_.steps[step_])) return;
    ++step_;
    sent_ = 0;
    pausing_ = false;
  }
  if (!over_ && plan_.leaving != Plan::Leaving::kNotByItself) finish(End::kLeft);
}

bool Visitor::step_done(Step& step) {
  switch (step.kind) {
    case Step::Kind::kSend:
      return send_piece(step);
    case Step::Kind::kAnswers:
      return outcome_.answers + outcome_.refusals >= step.count;
    case Step::Kind::kBytes:
      return received_ >= step.count;
    case Step::Kind::kPause:
      if (std::exchange(pausing_, true)) return true;
      loop_.arm(next_, now() + step.time);
      return false;
    case Step::Kind::kHalfClose:
      shutdown(socket_.number(), SHUT_WR);
      return true;
  }
  return true;
}

bool Visitor::send_piece(Step& step) {
  while (sent_ < step.bytes.size()) {
    std::size_t size = step.bytes.size() - sent_;
    if (step.piece > 0) size = std::min(size, step.piece);
    const ssize_t n = ::send(socket_.number(), step.bytes.data() + sent_, size, MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN) {
      waits_for_room_ = true;
      watch();
      return false;
    }
    if (n < 0) {
      // What the server said before it closed is there to read.
      receive(true);
      return false;
    }
    still_there();
    sent_ += static_cast<std::size_t>(n);
    if (step.time > 0 && sent_ < step.bytes.size()) {
      loop_.arm(next_, now() + step.time);
      return false;
    }
  }
  return true;
}

void Visitor::receive(bool all) {
  static std::array<char, 64 * 1024> buffer;
  const bool slowly = plan_.reading == Plan::Reading::kSlowly && !all;
  do {
    const std::size_t size = slowly ? std::min(buffer.size(), plan_.read_piece) : buffer.size();
    const ssize_t n = recv(socket_.number(), buffer.data(), size, 0);
    if (n < 0 && errno == EAGAIN) {
      if (all) finish(End::kClosed);
      return;
    }
    if (n <= 0) return finish(End::kClosed);
    still_there();
    received_ += static_cast<std::uint64_t>(n);
    garbled_ = garbled_ || !reader_.take({buffer.data(), static_cast<std::size_t>(n)}, *this);
  } while (all);
  if (slowly) {
    reads_ = false;
    watch();
    loop_.arm(read_, now() + plan_.read_gap);
  }
  // A pause and the time between two pieces have their own end.
  const bool waits = step_ < plan_.steps.size() && (plan_.steps[step_].kind == Step::Kind::kAnswers ||
                                                    plan_.steps[step_].kind == Step::Kind::kBytes);
  if (waits) go_on();
}

void Visitor::read_again() {
  reads_ = true;
  watch();
}

void Visitor::watch() {
  loop_.change(socket_.number(), (reads_ ? EPOLLIN : 0u) | (waits_for_room_ ? EPOLLOUT : 0u), *this);
}

void Visitor::still_there() {
  if (patience_ > 0) loop_.arm(hung_, now() + patience_);
}

void Visitor::head(std::string_view line) {
  status_line_ = line;
  is_stream_ = false;
  events_ = EventReader();
}

void Visitor::content(std::string_view bytes) {
  if (events_.events() == 0 && bytes.starts_with("data: ")) is_stream_ = true;
  if (is_stream_) events_.take(bytes, *this);
}

void Visitor::end() {
  const bool good = std::string_view(status_line_).substr(9, 3) == "200";
  ++(good ? outcome_.answers : outcome_.refusals);
  if (is_stream_ && (!events_.done() || events_.out_of_order() > 0)) garbled_ = true;
}

void Visitor::finish(End end) {
  over_ = true;
  for (Alarm* alarm : {&next_, &read_, &hung_})
    loop_.disarm(*alarm);
  outcome_.end = end;
  outcome_.wrong = judged(end);
  if (socket_.open()) {
    loop_.forget(socket_.number(), *this);
    if (plan_.leaving == Plan::Leaving::kReset)
      reset(std::move(socket_));
    else
      socket_.close();
  }
  host_.over(*this, outcome_);
}

std::string Visitor::judged(End end) const {
  if (end == End::kNotConnected) return fmt::format("could not connect: {}", std::strerror(errno));
  if (garbled_) return fmt::format("a garbled answer: {}", status_line_);
  const std::string seen = fmt::format(
      "{} answers, {} refusals, last status line '{}', step {} of {}, {} bytes received", outcome_.answers,
      outcome_.refusals, status_line_, step_ + 1, plan_.steps.size(), received_);
  if (end == End::kHung) return "neither sent nor received for too long: " + seen;
  if (plan_.expects == Plan::Expects::kAnswers &&
      (outcome_.answers != plan_.answers || outcome_.refusals > 0))
    return "not the answers that were expected: " + seen;
  if (plan_.expects == Plan::Expects::kRefusal && outcome_.answers > 0)
    return "an answer to a malformed request: " + seen;
  return {};
}

}  // namespace sluice::load
