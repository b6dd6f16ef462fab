#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "backends/worker/api/api_error.h"
#include "backends/worker/api/generator.h"
#include "backends/worker/api/token_mailbox.h"
#include "gateway/runtime/task.h"

namespace sluice::worker {

// What one client asked of the engine: requests that are submitted together and, where they have not ended,
// aborted when it is destroyed, which is what happens when the client leaves. Threads: the loop's.
class Submission {
 public:
  // `generator` outlives it.
  Submission(Generator& generator, TokenMailbox& mailbox, std::size_t count);
  ~Submission();
  Submission(const Submission&) = delete;
  Submission& operator=(const Submission&) = delete;

  // Gives the requests their ids and their sink, and hands them to the engine; says why it refused them, if
  // it did. To be called once, with as many as were announced.
  std::optional<ApiError> submit(std::vector<Request> requests);

  // Suspends for the engine's next news of any of them.
  Task<std::vector<TokenBatch>> next();

  // Ends one of which no more is wanted.
  void abort(std::size_t index);

 private:
  Generator& generator_;
  RequestId first_id_;
  std::shared_ptr<TokenChannel> channel_;
  std::vector<bool>
      ended_;  // the engine has said its last word, or was told to; empty: nothing was submitted
};

}  // namespace sluice::worker
