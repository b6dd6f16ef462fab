// From the configuration's sections `tls` to what connections are made with.

#include <gtest/gtest.h>

#include <string>

#include "gateway/app/certificate_series.h"
#include "gateway/app/cluster_tls.h"
#include "gateway/app/listener_tls.h"
#include "gateway/app/tls_series.h"
#include "gateway/base/prometheus_text.h"
#include "tests/support/certificates.h"

namespace sluice {
namespace {

config::KeyPair pair(const std::string& name) {
  return {.cert_file = name + ".pem",
          .key_file = name + ".key",
          .certificates = test_certificates(name),
          .key = test_key(name)};
}

config::Listener tls_listener() {
  config::Listener listener;
  listener.name = "public";
  listener.tls.emplace().certificates = {pair("site-ec")};
  return listener;
}

config::Cluster tls_cluster(const std::string& name) {
  config::Cluster cluster;
  cluster.name = name;
  cluster.tls.emplace().authorities = test_certificates("ca");
  return cluster;
}

std::string text(const Metrics& metrics) {
  const Metrics* all[] = {&metrics};
  return render_prometheus(all);
}

TEST(ListenerTls, APlainListenerHasNone) {
  const ManualTime time;
  std::shared_ptr<TlsTicketKeys> keys;
  const auto options = tls_accept_options(config::Listener(), keys, time);
  ASSERT_TRUE(options);
  EXPECT_FALSE(options->has_value());
  EXPECT_EQ(keys, nullptr);
}

TEST(ListenerTls, KeysOfTicketsOutliveTheConfiguration) {
  const ManualTime time;
  std::shared_ptr<TlsTicketKeys> keys;
  config::Listener listener = tls_listener();
  listener.tls->handshake_timeout = std::chrono::seconds(3);
  listener.http.idle_timeout = std::chrono::seconds(7);
  const auto first = tls_accept_options(listener, keys, time);
  ASSERT_TRUE(first && *first);
  EXPECT_EQ((*first)->handshake_timeout, std::chrono::seconds(3));
  EXPECT_EQ((*first)->idle_timeout, std::chrono::seconds(7));
  const auto before = keys;
  ASSERT_NE(before, nullptr);
  listener.tls->certificates = {pair("shop-ec")};
  const auto second = tls_accept_options(listener, keys, time);
  ASSERT_TRUE(second && *second);
  EXPECT_EQ(keys, before);
  EXPECT_NE((*second)->context, (*first)->context);
}

TEST(ListenerTls, WithoutTicketsThereAreNoKeys) {
  const ManualTime time;
  std::shared_ptr<TlsTicketKeys> keys;
  config::Listener listener = tls_listener();
  listener.tls->session_tickets.enabled = false;
  ASSERT_TRUE(tls_accept_options(listener, keys, time));
  EXPECT_EQ(keys, nullptr);
}

TEST(ListenerTls, WhatCannotBeUsedNamesTheListener) {
  const ManualTime time;
  std::shared_ptr<TlsTicketKeys> keys;
  config::Listener listener = tls_listener();
  listener.tls->certificates[0].key = test_key("shop-ec");
  const auto options = tls_accept_options(listener, keys, time);
  ASSERT_FALSE(options);
  EXPECT_EQ(options.error().kind, ErrorKind::kConfig);
  EXPECT_TRUE(options.error().detail().starts_with("listener public: TLS: ")) << options.error().detail();
}

TEST(ClusterTls, EqualSettingsShareAContextAlsoFromOneConfigurationToTheNext) {
  config::Cluster named = tls_cluster("b");
  named.tls->server_name = "backend.test";
  const auto first = ClusterTlsContexts::create({tls_cluster("a"), named, config::Cluster()}, nullptr);
  ASSERT_TRUE(first);
  const auto context = first->find(tls_cluster("a"));
  ASSERT_NE(context, nullptr);
  EXPECT_EQ(first->find(named), context);
  config::Cluster changed = tls_cluster("a");
  changed.tls->authorities = test_certificates("other-ca");
  const auto second = ClusterTlsContexts::create({changed, named}, &*first);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->find(named), context);
  EXPECT_NE(second->find(changed), context);
  EXPECT_NE(second->find(changed), nullptr);
}

TEST(ClusterTls, WhatCannotBeUsedNamesTheCluster) {
  config::Cluster cluster = tls_cluster("models");
  cluster.tls->certificate = pair("client");
  cluster.tls->certificate->key = test_key("stranger");
  const auto made = ClusterTlsContexts::create({cluster}, nullptr);
  ASSERT_FALSE(made);
  EXPECT_TRUE(made.error().detail().starts_with("cluster models: TLS: ")) << made.error().detail();
}

TEST(CertificateSeries, ComeAndGoWithTheConfiguration) {
  Metrics metrics;
  CertificateSeries series;
  config::Config both;
  both.listeners = {tls_listener()};
  both.clusters = {tls_cluster("a")};
  both.clusters[0].tls->certificate = pair("expired");
  series.sample(both, metrics);
  EXPECT_NE(
      text(metrics).find("sluice_certificate_expiry_timestamp_seconds{file=\"site-ec.pem\"} 4891363200\n"),
      std::string::npos)
      << text(metrics);
  EXPECT_NE(text(metrics).find("{file=\"expired.pem\"} 1580515200\n"), std::string::npos);
  both.clusters.clear();
  series.sample(both, metrics);
  EXPECT_EQ(text(metrics).find("expired.pem"), std::string::npos);
  EXPECT_NE(text(metrics).find("site-ec.pem"), std::string::npos);
}

TEST(TlsSeries, TellHandshakesByOutcome) {
  Metrics metrics;
  TlsCounts counts;
  counts.completed[TlsCounts::kTls13][1] = 3;
  counts.failed[static_cast<std::size_t>(TlsFailure::kPlainHttp)] = 2;
  sample_tls(counts, metrics);
  const std::string said = text(metrics);
  EXPECT_NE(said.find("sluice_downstream_tls_handshakes_total{resumed=\"true\",version=\"1.3\"} 3\n"),
            std::string::npos)
      << said;
  EXPECT_NE(said.find("sluice_downstream_tls_handshake_failures_total{reason=\"plain_http\"} 2\n"),
            std::string::npos);
  EXPECT_EQ(said.find("reason=\"alpn\""), std::string::npos);
}

}  // namespace
}  // namespace sluice
