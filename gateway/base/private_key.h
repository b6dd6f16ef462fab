#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "gateway/base/certificates.h"
#include "gateway/base/result.h"

struct evp_pkey_st;

namespace sluice {

// The private key that belongs to a certificate. It cannot be printed; the library wipes it when the last
// copy is gone. Cheap to copy. Threads: any.
class PrivateKey {
 public:
  PrivateKey() = default;  // none

  // Errors are kConfig; the detail completes a sentence about the file and never repeats what is in it. A key
  // with a passphrase is one: nobody is there to type it when the process starts.
  static Result<PrivateKey> load(const std::string& path);
  static Result<PrivateKey> parse(std::string_view pem);

  bool empty() const noexcept { return key_ == nullptr; }
  evp_pkey_st* get() const noexcept { return key_.get(); }  // borrowed
  std::string_view algorithm() const noexcept;              // `RSA`, `EC`, `ED25519`

  // Can the two serve together? Not if the key is another certificate's, or one of them is too weak for the
  // library's security level. Errors are kConfig and complete a sentence about the key.
  Result<void> check_use_with(const Certificates& certificates) const;

  bool operator==(const PrivateKey& other) const noexcept;

 private:
  explicit PrivateKey(std::shared_ptr<evp_pkey_st> key) noexcept : key_(std::move(key)) {}

  std::shared_ptr<evp_pkey_st> key_;  // shared by copies
};

}  // namespace sluice
