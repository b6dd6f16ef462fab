#include "config/tls_files.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sluice::config {
namespace {

class Files {
 public:
  Files(std::chrono::sys_seconds now, Problems& problems) : now_(now), problems_(problems) {}

  void read_pair(KeyPair& pair, const std::string& path) {
    const std::string cert_path = join_path(path, "cert_file");
    const std::string key_path = join_path(path, "key_file");
    read(pair.cert_file, cert_path, pair.certificates);
    if (!problems_.failed(key_path)) {
      Result<PrivateKey> key = PrivateKey::load(pair.key_file);
      if (key) {
        pair.key = std::move(*key);
      } else {
        complain(key_path, pair.key_file, key.error().detail());
      }
    }
    if (pair.certificates.empty() || pair.key.empty()) return;
    const Result<void> usable = pair.key.check_use_with(pair.certificates);
    if (!usable) complain(key_path, pair.key_file, usable.error().detail());
    check_validity(pair, cert_path);
  }

  void read_authorities(const std::optional<std::string>& file, const std::string& path, Certificates& into) {
    if (file) read(*file, path, into);
  }

  // Only where there are no errors: see validate.cc.
  void warn() {
    if (problems_.any_error()) return;
    for (auto& [path, message] : warnings_)
      problems_.warning(path, std::move(message));
  }

 private:
  void read(const std::string& file, const std::string& path, Certificates& into) {
    if (problems_.failed(path)) return;
    Result<Certificates> loaded = Certificates::load(file);
    if (loaded) {
      into = std::move(*loaded);
    } else {
      complain(path, file, loaded.error().detail());
    }
  }

  void complain(const std::string& path, const std::string& file, const std::string& detail) {
    problems_.error(path, fmt::format("{} {}", file, detail));
  }

  void check_validity(const KeyPair& pair, const std::string& path) {
    const std::chrono::sys_seconds from = pair.certificates.valid_from();
    const std::chrono::sys_seconds until = pair.certificates.valid_until();
    if (now_ > until) {
      warnings_.emplace_back(
          path, fmt::format("{} expired on {:%Y-%m-%d}: those who verify it will refuse it; renew it",
                            pair.cert_file, until));
    } else if (now_ < from) {
      warnings_.emplace_back(
          path,
          fmt::format("{} is not valid before {:%Y-%m-%d}: those who verify it will refuse it until then",
                      pair.cert_file, from));
    }
  }

  std::chrono::sys_seconds now_;
  Problems& problems_;
  std::vector<std::pair<std::string, std::string>> warnings_;
};

}  // namespace

void read_tls_files(Config& config, std::chrono::sys_seconds now, Problems& problems) {
  Files files(now, problems);
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    if (!config.listeners[i].tls) continue;
    ListenerTls& tls = *config.listeners[i].tls;
    const std::string path = index_path("listeners", i) + ".tls";
    for (std::size_t k = 0; k < tls.certificates.size(); ++k)
      files.read_pair(tls.certificates[k], index_path(join_path(path, "certificates"), k));
    files.read_authorities(tls.client_ca_file, join_path(path, "client_ca_file"), tls.client_authorities);
  }
  for (std::size_t i = 0; i < config.clusters.size(); ++i) {
    if (!config.clusters[i].tls) continue;
    ClusterTls& tls = *config.clusters[i].tls;
    const std::string path = index_path("clusters", i) + ".tls";
    files.read_authorities(tls.ca_file, join_path(path, "ca_file"), tls.authorities);
    if (tls.certificate) files.read_pair(*tls.certificate, join_path(path, "certificate"));
  }
  files.warn();
}

void for_each_key_pair(const Config& config, const std::function<void(const KeyPair&)>& visit) {
  for (const Listener& listener : config.listeners) {
    if (!listener.tls) continue;
    for (const KeyPair& pair : listener.tls->certificates)
      visit(pair);
  }
  for (const Cluster& cluster : config.clusters) {
    if (cluster.tls && cluster.tls->certificate) visit(*cluster.tls->certificate);
  }
}

std::vector<std::string> tls_files(const Config& config) {
  std::vector<std::string> files;
  for_each_key_pair(config, [&](const KeyPair& pair) {
    files.push_back(pair.cert_file);
    files.push_back(pair.key_file);
  });
  for (const Listener& listener : config.listeners) {
    if (listener.tls && listener.tls->client_ca_file) files.push_back(*listener.tls->client_ca_file);
  }
  for (const Cluster& cluster : config.clusters) {
    if (cluster.tls && cluster.tls->ca_file) files.push_back(*cluster.tls->ca_file);
  }
  return files;
}

}  // namespace sluice::config
