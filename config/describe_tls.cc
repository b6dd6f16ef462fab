#include <fmt/format.h>

#include <array>
#include <chrono>

#include "config/describe.h"
#include "config/units.h"
#include "gateway/base/tls_ciphers.h"

// TLS towards clients and towards model servers.
namespace sluice::config {

using namespace std::chrono_literals;
using namespace std::string_view_literals;

constexpr std::size_t kMaxKeyPairs = 256;
constexpr std::size_t kMaxCiphers = 32;

static auto choices(ListenerTls::Version /*type*/) {
  return std::array{"1.2"sv, "1.3"sv};
}
static auto choices(ListenerTls::ClientCertificates /*type*/) {
  return std::array{"none"sv, "optional"sv, "required"sv};
}

static void describe(Fields<KeyPair>& f) {
  f.about("KeyPair",
          "A certificate and its key, in PEM. A changed file counts as a change of the configuration.");
  f.add("cert_file", &KeyPair::cert_file, "The certificate, and behind it those that lead to an authority.")
      .required();
  f.add("key_file", &KeyPair::key_file, "Its private key, without a passphrase.").required();
  f.add_content("cert_file", &KeyPair::certificates);
}

static void describe(Fields<SessionTickets>& f) {
  f.about("SessionTickets", "Tickets that spare a client's next connections most of the handshake.");
  f.add("enabled", &SessionTickets::enabled, "`false`: every connection has a whole handshake.");
  f.add(
       "rotate_after", &SessionTickets::rotate_after,
       "How long a key encrypts tickets; it decrypts them for as long again. Keys survive a reload and never "
       "leave the process.")
      .range(1min, 168h);  // RFC 8446 4.6.1: a ticket may live for seven days
}

static void check_ciphers(const std::vector<std::string>& names, const Scope& scope, std::string_view field,
                          Result<void> (*check)(const std::string&)) {
  if (!scope.usable(field)) return;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const Result<void> checked = check(names[i]);
    if (!checked)
      scope.error(index_path(field, i), fmt::format("{} {}", in_quotes(names[i]), checked.error().detail()));
  }
}

static void check_client_certificates(const ListenerTls& tls, const Scope& scope) {
  if (!scope.usable("client_certificates") || !scope.usable("client_ca_file")) return;
  const bool asks = tls.client_certificates != ListenerTls::ClientCertificates::kNone;
  if (asks && !tls.client_ca_file) {
    scope.error("client_certificates", "needs client_ca_file, the authorities whose clients are let in");
  } else if (!asks && tls.client_ca_file) {
    scope.error(
        "client_ca_file",
        "has no effect with client_certificates: none; set it to optional or required, or remove this");
  }
  if (!asks && tls.forward_client_certificate) {
    scope.error(
        "forward_client_certificate",
        "has no effect with client_certificates: none; set it to optional or required, or remove this");
  }
}

void describe(Fields<ListenerTls>& f) {
  f.about("ListenerTls", "How clients are spoken to over TLS.");
  f.add(
       "certificates", &ListenerTls::certificates,
       "Chosen by the name that the client asks for: an exact one, else a wildcard for its first label, else "
       "the first pair. Pairs of different algorithms for one name serve together.")
      .required()
      .items(1, kMaxKeyPairs);
  f.add("min_version", &ListenerTls::min_version, "The oldest version of TLS that is spoken.");
  f.add("ciphers", &ListenerTls::ciphers,
        "Ciphers of TLS 1.2 in OpenSSL's spelling. Left out: AEAD with ephemeral keys, AES-GCM before "
        "ChaCha20.")
      .items(0, kMaxCiphers);
  f.add("cipher_suites", &ListenerTls::cipher_suites,
        "Cipher suites of TLS 1.3. Left out: AES-GCM and ChaCha20.")
      .items(0, kMaxCiphers);
  f.add("client_certificates", &ListenerTls::client_certificates,
        "Whether clients show one: `none` asks for none; `optional` takes a client without one, but none "
        "with a "
        "bad one; `required` takes no client without.");
  f.add("client_ca_file", &ListenerTls::client_ca_file,
        "The authorities that clients' certificates come from.");
  f.add_content("client_ca_file", &ListenerTls::client_authorities);
  f.add(
      "forward_client_certificate", &ListenerTls::forward_client_certificate,
      "`true`: model servers are told in X-Forwarded-Client-Cert who the client is. What clients write there "
      "themselves is removed in any case.");
  f.add("handshake_timeout", &ListenerTls::handshake_timeout,
        "Longest time from a connection's first byte to the end of the handshake.")
      .range(1ms, 5min);
  f.add("session_tickets", &ListenerTls::session_tickets,
        "Tickets that spare a client's next connections most of the handshake.");
  f.check([](const ListenerTls& tls, const Scope& scope) {
    check_ciphers(tls.ciphers, scope, "ciphers", check_tls12_cipher);
    check_ciphers(tls.cipher_suites, scope, "cipher_suites", check_tls13_suite);
    if (tls.min_version == ListenerTls::Version::k13 && !tls.ciphers.empty()) {
      scope.error("ciphers",
                  "has no effect with min_version: 1.3, whose ciphers are cipher_suites; remove it");
    }
    check_client_certificates(tls, scope);
  });
}

void describe(Fields<ClusterTls>& f) {
  f.about("ClusterTls", "How model servers are spoken to over TLS.");
  f.add("ca_file", &ClusterTls::ca_file,
        "The authorities that their certificates come from. Left out: those that the system trusts.");
  f.add_content("ca_file", &ClusterTls::authorities);
  f.add(
       "server_name", &ClusterTls::server_name,
       "The name that they must prove, and that is asked for. Left out: the host of each endpoint's address.")
      .rule(kHostText);
  f.add("certificate", &ClusterTls::certificate, "Shown to servers that ask for one.");
  f.add("verify", &ClusterTls::verify, "`false`: any certificate of any name will do. For tests only.");
  f.check([](const ClusterTls& tls, const Scope& scope) {
    if (!scope.usable("verify") || tls.verify || !tls.ca_file) return;
    scope.error("ca_file", "has no effect with verify: false; remove one of them");
  });
}

}  // namespace sluice::config
