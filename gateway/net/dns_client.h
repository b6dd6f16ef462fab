#pragma once

#include <string>

#include "gateway/net/dns_answer.h"
#include "gateway/runtime/task.h"

namespace sluice {

// Asks name servers. Tests put answers of their own in its place. Threads: its loop's.
class DnsClient {
 public:
  virtual ~DnsClient() = default;

  // Ends within a bounded time, with an outcome in every case. Destroying the task withdraws the question.
  virtual Task<DnsAnswer> ask(std::string name, DnsType type) = 0;
};

}  // namespace sluice
