#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "gateway/base/address.h"
#include "gateway/base/result.h"
#include "gateway/base/secret.h"
#include "gateway/http/head.h"
#include "gateway/runtime/loop.h"
#include "gateway/runtime/task.h"

namespace sluice::ctl {

// What the gateway said.
struct Answer {
  int status = 0;
  std::string body = {};

  bool ok() const noexcept { return status >= 200 && status < 300; }
};

// Asks a gateway's admin interface, one request on a connection of its own after the other, each answered
// within kPatience. Blocks. Threads: one.
class AdminClient {
 public:
  AdminClient(Address admin, std::optional<Secret> token)
      : admin_(std::move(admin)), token_(std::move(token)) {}

  // `target` is a path with its query. Errors: nobody answers, and why.
  Result<Answer> ask(Method method, std::string_view target, std::string_view body = {});

  const Address& admin() const noexcept { return admin_; }

 private:
  Task<void> exchange(Loop& loop, Method method, std::string_view target, std::string_view body,
                      Result<Answer>& answer);

  Address admin_;
  std::optional<Secret> token_;
};

// The longest answer that is read: /streams of a gateway with a hundred thousand exchanges in flight.
inline constexpr std::size_t kMaxAnswerBytes = std::size_t{64} << 20;

}  // namespace sluice::ctl
