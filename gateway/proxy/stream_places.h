#pragma once

#include <atomic>
#include <cstdint>

namespace sluice {

// Exchanges in flight in the whole process, against limits.max_streams.
struct StreamLimit {
  std::atomic<std::int64_t> max{20'000};
  std::atomic<std::int64_t> taken{0};  // places that the shards have, with those that they keep in hand
};

// A shard's share of the limit. It takes several places at a time and keeps some of those that come back, so
// that the shards seldom write to the one word that they share. What one keeps the others cannot have: up to
// kMostSpare places, none where the limit is below 2,048.
//
// Threads: its shard's, but for open().
class StreamPlaces {
 public:
  static constexpr std::int64_t kMostSpare = 32;

  explicit StreamPlaces(StreamLimit& limit) noexcept : limit_(limit) {}
  StreamPlaces(const StreamPlaces&) = delete;
  StreamPlaces& operator=(const StreamPlaces&) = delete;
  ~StreamPlaces() { trim(); }

  // False if there is no place left. What was refused counts as well, until give().
  bool take() noexcept;
  void give() noexcept;
  // Gives up what it keeps in hand: after the limit was lowered, which an idle shard would not notice.
  void trim() noexcept;

  // Taken and not given. Threads: any.
  std::int64_t open() const noexcept { return open_.load(std::memory_order_relaxed); }

 private:
  std::int64_t batch() const noexcept;
  bool over_limit() const noexcept;
  void give_back(std::int64_t places) noexcept;
  void add_open(std::int64_t change) noexcept {
    // Written by one thread alone: no locked instruction.
    open_.store(open_.load(std::memory_order_relaxed) + change, std::memory_order_relaxed);
  }

  StreamLimit& limit_;
  std::int64_t spare_ = 0;
  std::atomic<std::int64_t> open_{0};
};

}  // namespace sluice
