#include "gateway/app/cluster_tls.h"

#include <algorithm>

namespace sluice {
namespace {

TlsClientOptions client_options(const config::Cluster& cluster) {
  const config::ClusterTls& tls = *cluster.tls;
  TlsClientOptions options;
  options.authorities = tls.authorities;
  options.verify = tls.verify;
  if (cluster.protocol == config::Cluster::Protocol::kH2) options.alpn = {"h2"};
  if (cluster.protocol == config::Cluster::Protocol::kAuto) options.alpn = {"h2", "http/1.1"};
  if (tls.certificate) {
    options.certificates = tls.certificate->certificates;
    options.key = tls.certificate->key;
  }
  return options;
}

}  // namespace

Result<ClusterTlsContexts> ClusterTlsContexts::create(const std::vector<config::Cluster>& clusters,
                                                      const ClusterTlsContexts* running) {
  ClusterTlsContexts made;
  for (const config::Cluster& cluster : clusters) {
    if (!cluster.tls) continue;
    TlsClientOptions options = client_options(cluster);
    if (made.find(options) != nullptr) continue;
    Context context = running == nullptr ? nullptr : running->find(options);
    if (context == nullptr) {
      auto fresh = TlsClientContext::create(options);
      if (!fresh)
        return fail(ErrorKind::kConfig, "cluster " + cluster.name + ": TLS: " + fresh.error().detail());
      context = std::move(*fresh);
    }
    made.contexts_.emplace_back(std::move(options), std::move(context));
  }
  return made;
}

std::shared_ptr<const TlsClientContext> ClusterTlsContexts::find(const config::Cluster& cluster) const {
  return find(client_options(cluster));
}

ClusterTlsContexts::Context ClusterTlsContexts::find(const TlsClientOptions& options) const {
  const auto found = std::ranges::find(contexts_, options, &std::pair<TlsClientOptions, Context>::first);
  return found == contexts_.end() ? nullptr : found->second;
}

}  // namespace sluice
