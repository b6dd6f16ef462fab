#include "gateway/net/tls_session_cache.h"

#include <openssl/ssl.h>

#include <algorithm>

namespace sluice {

void TlsSessionCache::Free::operator()(ssl_session_st* session) const noexcept {
  SSL_SESSION_free(session);
}

void TlsSessionCache::put(std::string_view server, ssl_session_st* session) {
  const auto found = std::ranges::find(entries_, server, &Entry::server);
  if (found != entries_.end()) {
    found->session.reset(session);
    entries_.splice(entries_.begin(), entries_, found);
    return;
  }
  if (entries_.size() == kMaxSessions) entries_.pop_back();
  entries_.push_front({std::string(server), std::unique_ptr<ssl_session_st, Free>(session)});
}

ssl_session_st* TlsSessionCache::find(std::string_view server) const noexcept {
  const auto found = std::ranges::find(entries_, server, &Entry::server);
  return found == entries_.end() ? nullptr : found->session.get();
}

}  // namespace sluice
