#pragma once

#include <string>
#include <utility>

#include "gateway/proxy/exchange.h"
#include "gateway/proxy/filter.h"

namespace sluice {

// Answers with a fixed text. Never calls next; the request's body is not read.
class DirectAnswerFilter final : public ExchangeFilter {
 public:
  struct Answer {
    int status = 200;
    std::string content_type = {};
    std::string body = {};
  };
  explicit DirectAnswerFilter(Answer answer) : answer_(std::move(answer)) {}

  Task<Result<void>> handle(Exchange& exchange, ResponseWriter& client, ExchangeNext next) override;

 private:
  Answer answer_;
};

}  // namespace sluice
