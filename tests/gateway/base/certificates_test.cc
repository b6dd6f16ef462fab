#include "gateway/base/certificates.h"

#include <gtest/gtest.h>

#include <string>

#include "gateway/base/private_key.h"
#include "gateway/base/tls_ciphers.h"

namespace sluice {
namespace {

std::string path(const std::string& file) {
  return std::string(SLUICE_SOURCE_DIR) + "/tests/support/certificates/" + file;
}
Certificates certificates(const std::string& name) {
  return Certificates::load(path(name + ".pem")).value();
}
PrivateKey key(const std::string& name) {
  return PrivateKey::load(path(name + ".key")).value();
}
std::string certificate_problem(const std::string& file) {
  const Result<Certificates> loaded = Certificates::load(path(file));
  return loaded ? "none" : loaded.error().detail();
}
std::string key_problem(const std::string& file) {
  const Result<PrivateKey> loaded = PrivateKey::load(path(file));
  return loaded ? "none" : loaded.error().detail();
}

TEST(Certificates, SayWhoseTheyAreAndHowLongTheyCount) {
  const Certificates loaded = certificates("site-ec");
  EXPECT_EQ(loaded.size(), 1u);
  EXPECT_EQ(loaded.subject(), "CN=site.test");
  EXPECT_EQ(loaded.dns_names(), (std::vector<std::string>{"site.test", "*.wild.test"}));
  EXPECT_EQ(loaded.valid_from(), std::chrono::sys_days(std::chrono::year(2020) / 1 / 1));
  EXPECT_EQ(loaded.valid_until(), std::chrono::sys_days(std::chrono::year(2125) / 1 / 1));
}

TEST(Certificates, HaveEveryKindOfName) {
  EXPECT_EQ(alternative_names(certificates("backend")[0]),
            (std::vector<AlternativeName>{
                {"DNS", "backend.test"}, {"DNS", "localhost"}, {"IP", "127.0.0.1"}, {"IP", "::1"}}));
}

TEST(Certificates, WithoutAlternativeNamesTheCommonNameCounts) {
  EXPECT_EQ(certificates("weak").dns_names(), std::vector<std::string>{"weak.test"});
}

TEST(Certificates, AreEqualWhenTheirContentIs) {
  EXPECT_EQ(certificates("site-ec"), certificates("site-ec"));
  EXPECT_NE(certificates("site-ec"), certificates("site-rsa"));
  EXPECT_NE(certificates("site-ec"), Certificates());
  EXPECT_EQ(Certificates(), Certificates());
  EXPECT_EQ(certificates("site-ec").fingerprint().size(), 64u);
}

TEST(Certificates, AChainKeepsItsOrder) {
  const auto read = [](const std::string& name) {
    std::string text;
    std::FILE* file = std::fopen(path(name).c_str(), "r");
    for (int c = 0; (c = std::fgetc(file)) != EOF;)
      text.push_back(static_cast<char>(c));
    std::fclose(file);
    return text;
  };
  const Certificates chain =
      Certificates::parse(read("site-ec.pem") + "a comment\n" + read("ca.pem")).value();
  ASSERT_EQ(chain.size(), 2u);
  EXPECT_EQ(subject_of(chain[0]), "CN=site.test");
  EXPECT_EQ(subject_of(chain[1]), "CN=Sluice test ca");
  EXPECT_NE(chain.fingerprint(), certificates("site-ec").fingerprint());
}

TEST(Certificates, WhatCannotBeReadSaysWhyAndWhatToDo) {
  EXPECT_EQ(certificate_problem("missing.pem"), "cannot be opened: No such file or directory");
  EXPECT_EQ(certificate_problem(""), "cannot be read: Is a directory");
  EXPECT_EQ(certificate_problem("empty.pem"),
            "holds no certificate; it needs PEM blocks that begin with -----BEGIN CERTIFICATE-----");
  EXPECT_EQ(certificate_problem("site-ec.key"),
            "holds no certificate; it needs PEM blocks that begin with -----BEGIN CERTIFICATE-----");
  EXPECT_NE(certificate_problem("torn.pem").find("holds a certificate that cannot be read ("),
            std::string::npos);
  EXPECT_EQ(Certificates::load("/dev/zero").error().detail(), "is larger than 1MiB, the limit of a PEM file");
}

TEST(PrivateKey, KnowsItsAlgorithm) {
  EXPECT_EQ(key("site-ec").algorithm(), "EC");
  EXPECT_EQ(key("site-rsa").algorithm(), "RSA");
  EXPECT_EQ(PrivateKey().algorithm(), "");
}

TEST(PrivateKey, WhatCannotBeReadSaysWhyAndWhatToDo) {
  EXPECT_EQ(key_problem("missing.key"), "cannot be opened: No such file or directory");
  EXPECT_EQ(
      key_problem("locked.key"),
      "is protected by a passphrase, which nobody could type; store it without one (openssl pkey -in OLD "
      "-out NEW), readable by the gateway's user alone");
  EXPECT_EQ(key_problem("site-ec.pem"),
            "holds no private key; it needs a PEM block such as the one that begins with -----BEGIN PRIVATE "
            "KEY-----");
  EXPECT_NE(key_problem("torn.key").find("holds a private key that cannot be read"), std::string::npos);
}

TEST(PrivateKey, BelongsToItsCertificateAlone) {
  EXPECT_TRUE(key("site-ec").check_use_with(certificates("site-ec")));
  EXPECT_TRUE(key("site-rsa").check_use_with(certificates("site-rsa")));
  EXPECT_EQ(key("shop-ec").check_use_with(certificates("site-ec")).error().detail(),
            "is not the key of the certificate; take the file that was made together with it");
  EXPECT_FALSE(key("site-rsa").check_use_with(certificates("site-ec")));
}

TEST(PrivateKey, AWeakPairIsRefused) {
  const Result<void> checked = key("weak").check_use_with(certificates("weak"));
  ASSERT_FALSE(checked);
  EXPECT_NE(checked.error().detail().find("key too small"), std::string::npos) << checked.error().detail();
}

TEST(PrivateKey, IsEqualToItself) {
  EXPECT_EQ(key("site-ec"), key("site-ec"));
  EXPECT_FALSE(key("site-ec") == key("shop-ec"));
  EXPECT_FALSE(key("site-ec") == PrivateKey());
}

TEST(TlsCiphers, OnlySafeOnesOfTls12MayBeConfigured) {
  EXPECT_TRUE(check_tls12_cipher("ECDHE-RSA-AES256-GCM-SHA384"));
  EXPECT_TRUE(check_tls12_cipher("DHE-RSA-AES128-GCM-SHA256"));
  EXPECT_TRUE(check_tls12_cipher("ECDHE-ECDSA-CHACHA20-POLY1305"));
  for (const char* unsafe : {"AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA", "ECDHE-RSA-AES128-SHA256"}) {
    const Result<void> checked = check_tls12_cipher(unsafe);
    ASSERT_FALSE(checked) << unsafe;
    EXPECT_NE(checked.error().detail().find("is not safe enough"), std::string::npos) << unsafe;
  }
  for (const char* unknown : {"", "ALL", "HIGH:!MD5", "RC4-MD5", "TLS_AES_128_GCM_SHA256", "ecdhe"}) {
    const Result<void> checked = check_tls12_cipher(unknown);
    ASSERT_FALSE(checked) << unknown;
    EXPECT_NE(checked.error().detail().find("is no cipher of TLS 1.2"), std::string::npos) << unknown;
  }
}

TEST(TlsCiphers, SuitesOfTls13HaveTheirOwnNames) {
  EXPECT_TRUE(check_tls13_suite("TLS_AES_256_GCM_SHA384"));
  EXPECT_TRUE(check_tls13_suite("TLS_CHACHA20_POLY1305_SHA256"));
  for (const char* unknown : {"", "TLS_AES_128", "ECDHE-RSA-AES256-GCM-SHA384", "TLS_AES_256_GCM_SHA384:X"})
    EXPECT_FALSE(check_tls13_suite(unknown)) << unknown;
}

}  // namespace
}  // namespace sluice
