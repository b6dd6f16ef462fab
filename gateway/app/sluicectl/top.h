#pragma once

#include <cstddef>
#include <optional>

#include "gateway/app/sluicectl/admin_client.h"

namespace sluice::ctl {

struct TopOptions {
  bool once = false;                        // one screen as plain text, from two samples a second apart
  std::optional<std::size_t> columns = {};  // instead of the terminal's
};

// Shows what a gateway does, anew each second, until `q` or Ctrl-C; standard output must be a terminal unless
// `once`. Returns the exit status. Threads: one.
int run_top(AdminClient& client, const TopOptions& options);

}  // namespace sluice::ctl
