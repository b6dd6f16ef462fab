#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/description.h"

namespace sluice::config {

// The description of Config, through which that of every other struct is reached.
const Struct& config_struct();
// The description of EndpointList.
const Struct& endpoint_list_struct();

// Descriptions that stand in a file of their own.
void describe(Fields<Listener>& f);
void describe(Fields<ListenerTls>& f);
void describe(Fields<ClusterTls>& f);
void describe(Fields<Admin>& f);
void describe(Fields<Cluster>& f);
void describe(Fields<Timeouts>& f);
void describe(Fields<Retry>& f);
void describe(Fields<Usage>& f);
void describe(Fields<Route>& f);

// Complains of each text that IpNetwork does not read.
void check_networks(const std::vector<std::string>& texts, const Scope& scope, std::string_view field);

inline constexpr std::int64_t kKiB = 1024;
inline constexpr std::int64_t kMiB = 1024 * kKiB;
inline constexpr std::int64_t kGiB = 1024 * kMiB;
inline constexpr std::int64_t kMaxWeight = 1'000'000;

}  // namespace sluice::config
