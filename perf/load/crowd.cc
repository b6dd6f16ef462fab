#include "perf/load/crowd.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace sluice::load {
namespace {

constexpr unsigned kSources = 8;
constexpr Nanos kTick = 5 * kMillisecond;
constexpr std::size_t kReported = 5;

// A JSON string; status lines may hold anything.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text)
    out += c >= ' ' && c <= '~' && c != '"' && c != '\\' ? c : '?';
  return out + '"';
}

}  // namespace

Crowd::Crowd(Loop& loop, Options options)
    : loop_(loop), options_(std::move(options)), places_(options_.at_a_time) {
  const Nanos time = now();
  end_ = time + options_.duration;
  next_progress_ = time + kSecond;
  loop_.arm(*this, time);
}

Crowd::~Crowd() {
  loop_.disarm(*this);
}

bool Crowd::admits(Nanos time) const {
  return (options_.visits == 0 || come_ < options_.visits) && (options_.duration == 0 || time < end_);
}

void Crowd::due() {
  gone_.clear();
  const Nanos time = now();
  if (time >= next_progress_) {
    fmt::print("{{\"visits\":{},\"wrong\":{}}}\n", come_, wrong_);
    std::fflush(stdout);
    next_progress_ += kSecond;
  }
  const bool sends_away = options_.sent_away && options_.duration > 0 && time >= end_;
  bool there = false;
  for (std::size_t i = 0; i < places_.size(); ++i) {
    if (sends_away) places_[i].visitor.reset();
    if (!places_[i].visitor && places_[i].next <= time && admits(time)) admit(i);
    there = there || places_[i].visitor;
  }
  if (!there && !admits(time)) return loop_.stop();
  loop_.arm(*this, time + kTick);
}

void Crowd::admit(std::size_t place) {
  ++come_;
  Place& here = places_[place];
  here.visitor = std::make_unique<Visitor>(loop_, static_cast<Visitor::Host&>(*this), options_.plan(place),
                                           options_.patience);
  place_of_[here.visitor.get()] = place;
  ++tallies_[here.visitor->kind()].visits;
  here.visitor->begin(options_.address, {.source = static_cast<unsigned>(come_ % kSources)});
}

void Crowd::over(Visitor& visitor, const Visitor::Outcome& outcome) {
  const auto found = place_of_.find(&visitor);
  Place& here = places_[found->second];
  place_of_.erase(found);
  gone_.push_back(std::move(here.visitor));
  const Nanos time = now();
  here.next = time + options_.next_after;
  if (here.next <= time) loop_.arm(*this, time);  // the next one in the same turn of the loop

  Tally& tally = tallies_[visitor.kind()];
  tally.answers += outcome.answers;
  tally.refusals += outcome.refusals;
  switch (outcome.end) {
    case Visitor::End::kLeft:
      ++tally.left;
      break;
    case Visitor::End::kClosed:
      ++tally.closed;
      break;
    case Visitor::End::kNotConnected:
      ++tally.not_connected;
      break;
    case Visitor::End::kHung:
      ++tally.hung;
      break;
  }
  if (outcome.wrong.empty()) return;
  ++wrong_;
  if (first_wrong_.size() < kReported)
    first_wrong_.push_back(quoted(fmt::format("visit {}, {}: {}", come_, visitor.kind(), outcome.wrong)));
}

std::string Crowd::json() const {
  std::vector<std::string> kinds;
  for (const auto& [kind, t] : tallies_)
    kinds.push_back(fmt::format(
        R"("{}":{{"visits":{},"answers":{},"refusals":{},"left":{},"closed":{},"not_connected":{},"hung":{}}})",
        kind, t.visits, t.answers, t.refusals, t.left, t.closed, t.not_connected, t.hung));
  return fmt::format(R"({{"good":{},"visits":{},"wrong":{},"first_wrong":[{}],"kinds":{{{}}}}})", good(),
                     come_, wrong_, fmt::join(first_wrong_, ","), fmt::join(kinds, ","));
}

}  // namespace sluice::load
