#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/proxy/exchange_record.h"

namespace sluice {

// What the spans of one ended exchange are made of: a copy that outlives the exchange and its shard. It holds
// no query, header, prompt or answer, and no text longer than kMaxText bytes.
struct ExchangeTrace {
  static constexpr std::size_t kMaxText = 256;

  std::string trace_id = {};  // 32 hexadecimal digits
  std::uint64_t span_id = 0;
  std::uint64_t parent_span_id = 0;  // 0: the exchange is the trace's root
  bool sampled = false;              // false: exported because it was slow

  WallTime started_at{};
  WallTime ended_at{};
  // Of the last attempt; see AttemptTimes.
  std::optional<WallTime> queued_at = {};
  std::optional<WallTime> connecting_at = {};
  std::optional<WallTime> waiting_at = {};
  std::optional<WallTime> first_content_at = {};

  Method method = Method::kGet;
  std::string_view protocol = {};  // a literal: `HTTP/1.1`
  std::string path = {};
  std::string route = {};
  std::string model = {};
  std::string cluster = {};
  std::string endpoint = {};
  bool stream = false;
  int status = 0;
  std::optional<ErrorKind> error = {};
  std::uint32_t attempts = 0;
  std::optional<llm::Usage> usage = {};
};

// Of a record that has ended.
ExchangeTrace trace_of(const ExchangeRecord& record);

}  // namespace sluice
