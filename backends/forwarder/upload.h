#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/http/client_stream.h"
#include "gateway/proxy/call.h"
#include "gateway/runtime/child.h"

namespace sluice {

// Sends a call's request. What the socket takes at once is sent by start(); the rest goes up beside the
// answer, and is given up when this object is destroyed.
class Upload {
 public:
  Upload(Loop& loop, const Call& call, ClientStream& upstream) noexcept
      : loop_(loop), call_(call), upstream_(upstream) {}

  // An error here means that nothing can be sent; the backend may still have answered.
  Result<void> start();

  // Why the upload failed, if it did by the client's doing: it then is the reason that the answer failed too.
  std::optional<Error> client_error() const;

 private:
  Result<void> send_whole();
  Task<Result<void>> send_live();

  Loop& loop_;
  const Call& call_;
  ClientStream& upstream_;
  std::array<std::string_view, ClientStream::kMaxPieces> pieces_;
  std::string edited_;  // the whole body, where it has more edits than one write takes pieces
  std::optional<Child<Result<void>>> running_;
};

}  // namespace sluice
