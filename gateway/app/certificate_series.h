#pragma once

#include <set>
#include <string>

#include "config/config.h"
#include "gateway/base/metrics.h"

namespace sluice {

// When the certificates of the configuration expire, as series that come and go with it. Threads: the
// metrics' writer.
class CertificateSeries {
 public:
  void sample(const config::Config& config, Metrics& metrics);

 private:
  std::set<std::string> files_;  // at the last scrape
};

}  // namespace sluice
