#pragma once

#include <string>

#include "gateway/proxy/exchange_record.h"

namespace sluice {

// Appends one exchange as one line of JSON, without the line end. Whatever a client sent is escaped so that a
// record can never become two; no header value, query, prompt or answer is in it.
void append_access_log_line(const ExchangeRecord& record, std::string& out);

}  // namespace sluice
