#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/http/client_stream.h"
#include "gateway/proxy/call.h"
#include "gateway/runtime/child.h"
#include "gateway/runtime/pooled_allocator.h"

namespace sluice {

// A call's request on its way to the backend, beside the answer; given up when this object is destroyed. It
// holds the request until it is sent.
class Upload {
 public:
  // Null: the socket took all of it at once, or can take nothing, of which the answer tells more.
  static PooledPtr<Upload> begin(Loop& loop, const Call& call, ClientStream& upstream);

  // Why the upload failed, if it did by the client's doing: it then is the reason that the answer failed too.
  std::optional<Error> client_error() const;

  Upload(Loop& loop, const Call& call, ClientStream& upstream)
      : loop_(loop), call_(call), upstream_(upstream), request_(call.request) {}

 private:
  void start();
  void send_whole();
  Task<Result<void>> finish(Task<Result<void>> sending);
  Task<Result<void>> send_live();

  Loop& loop_;
  const Call& call_;
  ClientStream& upstream_;
  std::shared_ptr<const Request> request_;
  std::string edited_;  // the whole body, where it has more edits than one write takes pieces
  std::optional<Child<Result<void>>> running_;
};

}  // namespace sluice
