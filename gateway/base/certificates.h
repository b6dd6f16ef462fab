#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/base/result.h"

struct x509_st;

namespace sluice {

// The certificates of a PEM file in their order: what a server presents, its own first, or the authorities
// that somebody trusts. Immutable and cheap to copy. Equal when they hold the same certificates, which is how
// a reload notices that a file of the same name has been replaced. Threads: any.
class Certificates {
 public:
  static constexpr std::size_t kMaxCount = 1000;

  Certificates() = default;  // none

  // Errors are kConfig; the detail completes a sentence about the file and says what to do.
  static Result<Certificates> load(const std::string& path);
  static Result<Certificates> parse(std::string_view pem);

  bool empty() const noexcept { return held_ == nullptr; }
  std::size_t size() const noexcept { return held_ == nullptr ? 0 : held_->all.size(); }
  // Borrowed. Its functions take a plain pointer also where they only read.
  x509_st* operator[](std::size_t index) const noexcept { return held_->all[index].get(); }

  // SHA-256 of all of them, in hexadecimal; empty if there are none.
  std::string_view fingerprint() const noexcept;
  bool operator==(const Certificates& other) const noexcept { return fingerprint() == other.fingerprint(); }

  // Of the first one, which must be there.
  std::string subject() const;                 // RFC 4514, ASCII
  std::vector<std::string> dns_names() const;  // in lower case; the common name where there are none
  std::chrono::sys_seconds valid_from() const;
  std::chrono::sys_seconds valid_until() const;

 private:
  struct Free {
    void operator()(x509_st* certificate) const noexcept;
  };
  struct Held {
    std::vector<std::unique_ptr<x509_st, Free>> all;
    std::string fingerprint;
  };

  // Shared by copies.
  std::shared_ptr<const Held> held_;
};

// RFC 4514, with everything but visible ASCII escaped.
std::string subject_of(x509_st* certificate);

// One name of a certificate's subjectAltName, such as {"DNS", "api.example.org"}. Kinds are DNS, URI, IP and
// email. Names with anything but visible ASCII are left out: they would be read in two ways.
struct AlternativeName {
  std::string_view kind;
  std::string value;

  bool operator==(const AlternativeName&) const = default;
};
std::vector<AlternativeName> alternative_names(x509_st* certificate);

// SHA-256 of the certificate, in hexadecimal.
std::string fingerprint_of(x509_st* certificate);

}  // namespace sluice
