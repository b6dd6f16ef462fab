#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "config/config.h"
#include "config/problems.h"

namespace sluice::config {

// Reads the certificates and keys that the configuration names into it. A file that is missing, broken or
// protected by a passphrase and a key of another certificate are errors; a certificate that is not valid at
// `now` is a warning, since what it is for may not care.
void read_tls_files(Config& config, std::chrono::sys_seconds now, Problems& problems);

// The paths of those files, each as often as it is named.
std::vector<std::string> tls_files(const Config& config);

// Calls `visit` for each pair, a listener's or a cluster's.
void for_each_key_pair(const Config& config, const std::function<void(const KeyPair&)>& visit);

}  // namespace sluice::config
