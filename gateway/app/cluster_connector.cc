#include "gateway/app/cluster_connector.h"

#include "gateway/net/tls_state.h"

namespace sluice {

ClusterConnector::ClusterConnector(Connector& plain, Metrics& metrics, const config::Cluster& cluster,
                                   const ClusterTlsContexts& contexts)
    : metrics_(metrics),
      cluster_(cluster.name),
      connector_(plain, contexts.find(cluster), cluster.tls->server_name, *this) {}

// A look-up per handshake, which costs a thousandth of it.
void ClusterConnector::on_handshake(const TlsState& state) noexcept {
  metrics_
      .counter("sluice_upstream_tls_handshakes_total", "Handshakes with backends that succeeded.",
               {{"cluster", cluster_},
                {"version", state.version == "TLSv1.3" ? "1.3" : "1.2"},
                {"resumed", state.resumed ? "true" : "false"}})
      .add();
}

void ClusterConnector::on_failure(TlsFailure failure) noexcept {
  metrics_
      .counter("sluice_upstream_tls_handshake_failures_total", "Handshakes with backends that failed.",
               {{"cluster", cluster_}, {"reason", std::string(name(failure))}})
      .add();
}

}  // namespace sluice
