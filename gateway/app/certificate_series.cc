#include "gateway/app/certificate_series.h"

#include <string_view>
#include <utility>

#include "config/tls_files.h"

namespace sluice {

void CertificateSeries::sample(const config::Config& config, Metrics& metrics) {
  constexpr std::string_view kExpiry = "sluice_certificate_expiry_timestamp_seconds";
  std::set<std::string> sampled;
  config::for_each_key_pair(config, [&](const config::KeyPair& pair) {
    if (pair.certificates.empty()) return;
    metrics.gauge(kExpiry, "When a certificate expires, in seconds since 1970.", {{"file", pair.cert_file}})
        .set(static_cast<double>(pair.certificates.valid_until().time_since_epoch().count()));
    sampled.insert(pair.cert_file);
    files_.erase(pair.cert_file);
  });
  for (const std::string& gone : files_)
    metrics.remove(kExpiry, {{"file", gone}});
  files_ = std::move(sampled);
}

}  // namespace sluice
