#pragma once

#include "gateway/app/sluicectl/admin_client.h"

namespace sluice::ctl {

// Exit statuses, as `sluicectl --help` lists them.
inline constexpr int kExitDone = 0;
inline constexpr int kExitNo = 1;        // the gateway answered, and the answer is no
inline constexpr int kExitUsage = 2;     // nothing was asked: the command line, or a file, is wrong
inline constexpr int kExitNoAnswer = 3;  // nobody answers at that address
inline constexpr int kExitRefused = 4;   // a token is wanted, or this is not the place to change anything

// Say on standard error what went wrong and what to do, and return the exit status.
int no_answer(const AdminClient& client, const Error& error);
int refused(const Answer& answer);

}  // namespace sluice::ctl
