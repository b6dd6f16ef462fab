#include "perf/load/stream_run.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

namespace sluice::load {
namespace {

constexpr Nanos kTick = 10 * kMillisecond;

}  // namespace

StreamRun::StreamRun(Loop& loop, Options options)
    : loop_(loop), options_(std::move(options)), proxy_(loop, options_.proxy), last_change_(now()) {
  if (options_.direct) direct_ = std::make_unique<Streams>(loop_, *options_.direct);
  if (options_.hold) loop_.watch(STDIN_FILENO, EPOLLIN, *this);
  loop_.arm(*this, now());
}

StreamRun::~StreamRun() {
  loop_.disarm(*this);
  if (options_.hold) loop_.forget(STDIN_FILENO, *this);
}

bool StreamRun::good() const {
  const auto all = [this](const Streams& streams, std::size_t count) {
    const Streams::Counts& c = streams.counts();
    return c.out_of_order == 0 && (options_.hold ? c.open : c.ended) == count;
  };
  return all(proxy_, options_.proxy.count) && (!direct_ || all(*direct_, options_.direct->count));
}

// A line on the standard input, or its end.
void StreamRun::ready(std::uint32_t) {
  std::array<char, 256> text{};
  const ssize_t n = read(STDIN_FILENO, text.data(), text.size());
  if (n <= 0) return loop_.stop();
  for (ssize_t i = 0; i < n; ++i)
    if (text[i] == '\n') report();
}

void StreamRun::due() {
  const auto openings = std::max(1u, static_cast<unsigned>(options_.open_per_second * kTick / kSecond));
  bool more = false;
  for (unsigned i = 0; i < openings; ++i) {
    more = proxy_.open_next();
    if (direct_ && direct_->open_next()) more = true;
  }
  const Nanos time = now();
  if (more || progress() != last_progress_) last_change_ = time;
  last_progress_ = progress();

  const bool stuck = time - last_change_ > options_.patience;
  const bool settled = !more && proxy_.settled() && (!direct_ || direct_->settled());
  const bool over = !more && proxy_.over() && (!direct_ || direct_->over());
  if (options_.hold && !opened_ && (settled || stuck)) {
    opened_ = true;
    report();
  } else if (!options_.hold && (over || stuck)) {
    report();
    return loop_.stop();
  }
  // Nobody waits for the next look while all is held: it would only cost time.
  if (!(options_.hold && opened_)) loop_.arm(*this, time + kTick);
}

void StreamRun::report() {
  fmt::print("{{\"good\":{},\"proxy\":{},\"direct\":{}}}\n", good(), proxy_.json(),
             direct_ ? direct_->json() : "null");
  std::fflush(stdout);
  proxy_.begin_window();
  if (direct_) direct_->begin_window();
}

std::size_t StreamRun::progress() const {
  const auto of = [](const Streams& s) {
    return s.counts().open + 2 * s.counts().ended + 2 * s.counts().failed;
  };
  return of(proxy_) + (direct_ ? of(*direct_) : 0);
}

}  // namespace sluice::load
