#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace sluice {

// How many retries may run at a time, in proportion to what runs at all: a fleet that is down gets at most
// this share of calls on top, whatever each call's number of attempts.
struct RetryBudgetPolicy {
  double share = 0.2;         // of the calls under way
  std::int64_t at_least = 3;  // so that little traffic may retry too
};

// The retries under way towards one cluster, for the whole process. Threads: any; one locked instruction for
// each retry, none for a call without.
class RetryBudget {
 public:
  // The right to one retry, for as long as it lives. The budget outlives it.
  class Permit {
   public:
    Permit() noexcept = default;  // for nothing
    Permit(Permit&& other) noexcept : budget_(std::exchange(other.budget_, nullptr)) {}
    Permit& operator=(Permit&& other) noexcept {
      std::swap(budget_, other.budget_);
      return *this;
    }
    ~Permit() {
      if (budget_ != nullptr) budget_->retrying_.fetch_sub(1, std::memory_order_relaxed);
    }
    explicit operator bool() const noexcept { return budget_ != nullptr; }

   private:
    friend class RetryBudget;
    explicit Permit(RetryBudget& budget) noexcept : budget_(&budget) {}
    RetryBudget* budget_ = nullptr;
  };

  // `active`: calls to the cluster under way, retries included. Empty where the budget is spent.
  Permit take(std::int64_t active, const RetryBudgetPolicy& policy) noexcept;

  std::int64_t retrying() const noexcept { return retrying_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> retrying_{0};
};

}  // namespace sluice
