#pragma once

#include <string>

#include "config/config.h"
#include "gateway/app/cluster_tls.h"
#include "gateway/base/metrics.h"
#include "gateway/net/tls_connector.h"

namespace sluice {

// One shard's way to a cluster over TLS, and the series in which its handshakes count. Threads: its loop's.
class ClusterConnector final : private TlsObserver {
 public:
  // The connector and the metrics outlive it.
  ClusterConnector(Connector& plain, Metrics& metrics, const config::Cluster& cluster,
                   const ClusterTlsContexts& contexts);

  Connector& connector() noexcept { return connector_; }

 private:
  void on_handshake(const TlsState& state) noexcept override;
  void on_failure(TlsFailure failure) noexcept override;

  Metrics& metrics_;
  std::string cluster_;
  TlsConnector connector_;
};

}  // namespace sluice
