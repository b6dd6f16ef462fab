#include "gateway/app/tls_series.h"

#include <cstddef>
#include <string>

#include "gateway/net/tls_failure.h"

namespace sluice {

void sample_tls(const TlsCounts& counts, Metrics& metrics) {
  for (const auto version : {TlsCounts::kTls12, TlsCounts::kTls13}) {
    for (const bool resumed : {false, true}) {
      const std::uint64_t n = counts.completed[version][resumed ? 1 : 0];
      if (n == 0) continue;
      metrics
          .counter("sluice_downstream_tls_handshakes_total", "Handshakes with clients that succeeded.",
                   {{"version", version == TlsCounts::kTls13 ? "1.3" : "1.2"},
                    {"resumed", resumed ? "true" : "false"}})
          .raise_to(n);
    }
  }
  for (std::size_t i = 0; i < counts.failed.size(); ++i) {
    if (counts.failed[i] == 0) continue;
    metrics
        .counter("sluice_downstream_tls_handshake_failures_total", "Handshakes with clients that failed.",
                 {{"reason", std::string(name(static_cast<TlsFailure>(i)))}})
        .raise_to(counts.failed[i]);
  }
}

}  // namespace sluice
