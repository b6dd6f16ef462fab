#pragma once

#include <string>
#include <vector>

#include "gateway/proxy/access_log.h"
#include "gateway/proxy/exchange_sink.h"

namespace sluice::test {

// Keeps the records of ended exchanges, and their access-log lines.
class RecordSink final : public ExchangeSink {
 public:
  std::vector<ExchangeRecord> records;
  std::vector<std::string> lines;

  void ended(const ExchangeRecord& record) noexcept override {
    records.push_back(record);
    append_access_log_line(record, lines.emplace_back());
  }
};

}  // namespace sluice::test
