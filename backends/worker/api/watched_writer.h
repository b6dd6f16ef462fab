#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "gateway/http/stream.h"

namespace sluice::worker {

// Passes an answer on, adds a header of its own to it and remembers its status.
class WatchedWriter final : public ResponseWriter {
 public:
  // No header is added if `request_id` is empty.
  WatchedWriter(ResponseWriter& next, std::string request_id)
      : next_(next), request_id_(std::move(request_id)) {}

  Task<Result<void>> start(ResponseHead head) override {
    status_ = head.status;
    if (!request_id_.empty()) head.headers.add(HeaderId::kXRequestId, request_id_);
    return next_.start(std::move(head));
  }
  Task<Result<void>> write(std::string_view bytes) override { return next_.write(bytes); }
  Task<Result<void>> flush() override { return next_.flush(); }
  Task<Result<void>> finish(std::string_view bytes, const Headers* trailers = nullptr) override {
    return next_.finish(bytes, trailers);
  }
  std::size_t room() const noexcept override { return next_.room(); }
  bool head_sent() const noexcept override { return next_.head_sent(); }
  bool content_sent() const noexcept override { return next_.content_sent(); }
  Duration client_stalled() const noexcept override { return next_.client_stalled(); }

  // 0 until the answer has begun.
  int status() const noexcept { return status_; }

 private:
  ResponseWriter& next_;
  const std::string request_id_;
  int status_ = 0;
};

}  // namespace sluice::worker
