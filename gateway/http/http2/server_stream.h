#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "gateway/http/http2/outgoing_body.h"
#include "gateway/http/http2/request_fields.h"
#include "gateway/http/http2/server_body.h"
#include "gateway/http/http2/server_connection.h"
#include "gateway/http/http2/server_writer.h"
#include "gateway/http/stall_clock.h"
#include "gateway/runtime/cancellable.h"
#include "gateway/runtime/frame_pool.h"
#include "gateway/runtime/pooled_allocator.h"

namespace sluice::http2 {

// One request and its answer. It is over, and deleted, when the session has closed it and its work has ended,
// so that a request which was cancelled holds its place until nothing of it is left.
class ServerConnection::Stream final : public ListNode<ServerConnection>,
                                       public ListNode<Starting>,
                                       public ListNode<Closed>,
                                       public ListNode<Unsent>,
                                       public ListNode<Stalled>,
                                       public StreamCanceller,
                                       private OutgoingBody::Listener {
 public:
  Stream(ServerConnection& connection, std::int32_t id);
  ~Stream();

  // Streams come and go often and are of one size.
  static void* operator new(std::size_t size) { return allocate_frame(size); }
  static void operator delete(void* stream, std::size_t size) noexcept { free_frame(stream, size); }

  ServerConnection& connection() noexcept { return connection_; }
  std::int32_t id() const noexcept { return id_; }
  TimePoint received_at() const noexcept { return received_at_; }
  Body& body() noexcept { return body_; }
  Writer& writer() noexcept { return writer_; }
  OutgoingBody& out() noexcept { return out_; }

  // The head while it arrives; gone when it is complete.
  RequestFields* fields() noexcept { return fields_.get(); }
  // What is left of it is the head, or why it was refused. False if the request is malformed.
  bool complete_head();
  std::size_t head_bytes() const noexcept { return head_bytes_; }
  void charge_head(std::size_t bytes) noexcept { head_bytes_ += bytes; }
  const RequestHead& head() const noexcept { return head_; }
  const std::optional<Error>& refusal() const noexcept { return refusal_; }

  // The task that serves the request, while there is one.
  class WorkScope;
  void cancel() noexcept override;
  void work_ended(bool answered);
  bool working() const noexcept { return work_ != nullptr; }

  // Ends it with RST_STREAM; what is unsent is dropped.
  void reset(ErrorCode code);
  void reset_sent() noexcept { reset_sent_ = true; }
  void client_ended() noexcept { client_ended_ = true; }
  // The session knows it no more.
  void close() noexcept;
  bool closed() const noexcept { return closed_; }
  ClosedStreams::How how_closed() const noexcept {
    return client_ended_ && !reset_sent_ ? ClosedStreams::How::kByClient : ClosedStreams::How::kByUs;
  }

  // Bytes were written that a flush has not taken yet.
  void has_unsent() noexcept;
  // After a flush: what is still here waits for the client.
  void note_stall();
  void end_stall() noexcept;
  // How long the client has had no room for what was written.
  Duration stalled_for() const noexcept { return stalled_.total(connection_.loop_.now()); }

 private:
  void on_body_taken() override;
  void reset_if_failing();
  static void stalled_too_long(void* self);

  ServerConnection& connection_;
  std::int32_t id_;
  TimePoint received_at_;
  PooledPtr<RequestFields> fields_;
  RequestHead head_;
  std::size_t head_bytes_ = 0;  // as it was charged
  std::optional<Error> refusal_;
  OutgoingBody out_;
  Body body_;
  Writer writer_;
  Cancellable<Result<void>>* work_ = nullptr;
  Timer stall_;
  StallClock stalled_;
  bool failing_ = false;  // its work ended in the middle of the answer
  bool closed_ = false;
  bool reset_sent_ = false;
  bool client_ended_ = false;  // END_STREAM or RST_STREAM
};

// Makes the task known that a reset cancels; forgotten when it ends, also when the connection is destroyed.
class ServerConnection::Stream::WorkScope {
 public:
  WorkScope(Stream& stream, Cancellable<Result<void>>& work) noexcept : stream_(stream) {
    stream_.work_ = &work;
  }
  WorkScope(const WorkScope&) = delete;
  WorkScope& operator=(const WorkScope&) = delete;
  ~WorkScope() { stream_.work_ = nullptr; }

 private:
  Stream& stream_;
};

}  // namespace sluice::http2
