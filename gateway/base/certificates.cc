#include "gateway/base/certificates.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

#include "gateway/base/openssl_error.h"
#include "gateway/base/pem_file.h"

namespace sluice {
namespace {

struct FreeBio {
  void operator()(BIO* bio) const noexcept { BIO_free(bio); }
};
using BioPtr = std::unique_ptr<BIO, FreeBio>;

struct FreeNames {
  void operator()(GENERAL_NAMES* names) const noexcept { GENERAL_NAMES_free(names); }
};

// No certificate is encrypted: without this the library would ask on the terminal.
int no_passphrase(char*, int, int, void*) {
  return -1;
}

std::string hexadecimal(const unsigned char* bytes, std::size_t size) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < size; ++i)
    out.append({kDigits[bytes[i] >> 4], kDigits[bytes[i] & 15]});
  return out;
}

std::string text_of(BIO* bio) {
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio, &text);
  return {text, static_cast<std::size_t>(std::max(size, 0L))};
}

bool is_visible(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

void lower(std::string& text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
}

std::string text_of(const ASN1_STRING* string) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
          static_cast<std::size_t>(ASN1_STRING_length(string))};
}

std::string address_text(const ASN1_OCTET_STRING* bytes) {
  char printed[INET6_ADDRSTRLEN] = "";
  const int size = ASN1_STRING_length(bytes);
  if (size == 4) ::inet_ntop(AF_INET, ASN1_STRING_get0_data(bytes), printed, sizeof printed);
  if (size == 16) ::inet_ntop(AF_INET6, ASN1_STRING_get0_data(bytes), printed, sizeof printed);
  return printed;
}

AlternativeName to_name(const GENERAL_NAME& name) {
  switch (name.type) {
    case GEN_DNS:
      return {"DNS", text_of(name.d.dNSName)};
    case GEN_URI:
      return {"URI", text_of(name.d.uniformResourceIdentifier)};
    case GEN_EMAIL:
      return {"email", text_of(name.d.rfc822Name)};
    case GEN_IPADD:
      return {"IP", address_text(name.d.iPAddress)};
    default:
      return {};
  }
}

std::string common_name(x509_st* certificate) {
  const X509_NAME* subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0) return {};
  return text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
}

std::chrono::sys_seconds to_time(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return std::chrono::sys_seconds(std::chrono::seconds(::timegm(&parts)));
}

}  // namespace

void Certificates::Free::operator()(x509_st* certificate) const noexcept {
  X509_free(certificate);
}

Result<Certificates> Certificates::load(const std::string& path) {
  Result<std::string> text = read_pem_file(path);
  if (!text) return fail(std::move(text.error()));
  return parse(*text);
}

Result<Certificates> Certificates::parse(std::string_view pem) {
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  auto held = std::make_shared<Held>();
  std::string all;
  while (X509* next = PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr)) {
    held->all.emplace_back(next);
    all += fingerprint_of(next);
    if (held->all.size() > kMaxCount) return fail(ErrorKind::kConfig, "holds more than 1000 certificates");
  }
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  const std::string reason = take_openssl_error();
  if (!at_end)
    return fail(ErrorKind::kConfig, "holds a certificate that cannot be read (" + reason +
                                        "); put the whole PEM block there, from BEGIN to END");
  if (held->all.empty()) {
    return fail(ErrorKind::kConfig,
                "holds no certificate; it needs PEM blocks that begin with -----BEGIN CERTIFICATE-----");
  }
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(all.data(), all.size(), digest, &size, EVP_sha256(), nullptr);
  held->fingerprint = hexadecimal(digest, size);
  Certificates certificates;
  certificates.held_ = std::move(held);
  return certificates;
}

std::string_view Certificates::fingerprint() const noexcept {
  return held_ == nullptr ? std::string_view() : std::string_view(held_->fingerprint);
}

std::string Certificates::subject() const {
  return subject_of((*this)[0]);
}

std::vector<std::string> Certificates::dns_names() const {
  std::vector<std::string> names;
  for (AlternativeName& name : alternative_names((*this)[0]))
    if (name.kind == "DNS") names.push_back(std::move(name.value));
  // RFC 6125 6.4.4: the common name counts only where the certificate has no names of the right kind.
  if (std::string name = common_name((*this)[0]); names.empty() && is_visible(name))
    names.push_back(std::move(name));
  std::ranges::for_each(names, lower);
  return names;
}

std::chrono::sys_seconds Certificates::valid_from() const {
  return to_time(X509_get0_notBefore((*this)[0]));
}

std::chrono::sys_seconds Certificates::valid_until() const {
  return to_time(X509_get0_notAfter((*this)[0]));
}

std::string subject_of(x509_st* certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  ERR_clear_error();
  return text_of(bio.get());
}

std::vector<AlternativeName> alternative_names(x509_st* certificate) {
  const std::unique_ptr<GENERAL_NAMES, FreeNames> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  ERR_clear_error();
  std::vector<AlternativeName> out;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    AlternativeName name = to_name(*sk_GENERAL_NAME_value(names.get(), i));
    if (is_visible(name.value)) out.push_back(std::move(name));
  }
  return out;
}

std::string fingerprint_of(x509_st* certificate) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  X509_digest(certificate, EVP_sha256(), digest, &size);
  return hexadecimal(digest, size);
}

}  // namespace sluice
