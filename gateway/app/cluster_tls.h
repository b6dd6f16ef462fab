#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "config/config.h"
#include "gateway/base/result.h"
#include "gateway/net/tls_client_context.h"

namespace sluice {

// The contexts with which a configuration's clusters are spoken to over TLS. Made before any shard takes the
// configuration, since a context may fail; clusters with equal settings share one, and so do two
// configurations, since the system's authorities take milliseconds to read. Immutable. Threads: any.
class ClusterTlsContexts {
 public:
  // `running`: those of the configuration before, or null. Errors: kConfig, naming the cluster.
  static Result<ClusterTlsContexts> create(const std::vector<config::Cluster>& clusters,
                                           const ClusterTlsContexts* running);

  // For a cluster that it was made for and that speaks TLS.
  std::shared_ptr<const TlsClientContext> find(const config::Cluster& cluster) const;

 private:
  using Context = std::shared_ptr<const TlsClientContext>;

  Context find(const TlsClientOptions& options) const;

  std::vector<std::pair<TlsClientOptions, Context>> contexts_;
};

}  // namespace sluice
