#include "gateway/net/tls_ticket_keys.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <stdexcept>

namespace sluice {
namespace {

// From the library's generator and not the loop's dice, which are made for load balancing.
TlsTicketKeys::Key new_key() {
  TlsTicketKeys::Key key;
  const bool made = RAND_bytes(key.name.data(), static_cast<int>(key.name.size())) == 1 &&
                    RAND_priv_bytes(key.cipher.data(), static_cast<int>(key.cipher.size())) == 1 &&
                    RAND_priv_bytes(key.mac.data(), static_cast<int>(key.mac.size())) == 1;
  if (!made) throw std::runtime_error("no random bytes for a ticket key");
  return key;
}

}  // namespace

TlsTicketKeys::TlsTicketKeys(const TimeSource& time, Duration period)
    : time_(time), period_(period), current_{new_key(), time.now()} {}

TlsTicketKeys::~TlsTicketKeys() {
  OPENSSL_cleanse(&current_.key, sizeof current_.key);
  if (previous_) OPENSSL_cleanse(&previous_->key, sizeof previous_->key);
}

void TlsTicketKeys::set_period(Duration period) {
  const std::lock_guard lock(mutex_);
  period_ = period;
}

void TlsTicketKeys::rotate() {
  const TimePoint now = time_.now();
  const Duration age = now - current_.since;
  if (age >= period_) {
    // After two periods without a handshake nothing that was encrypted may count any more.
    if (age < 2 * period_) {
      previous_ = current_;
    } else {
      previous_.reset();
    }
    current_ = {new_key(), now};
  } else if (previous_ && age + (current_.since - previous_->since) >= 2 * period_) {
    previous_.reset();
  }
}

TlsTicketKeys::Key TlsTicketKeys::current() {
  const std::lock_guard lock(mutex_);
  rotate();
  return current_.key;
}

std::optional<TlsTicketKeys::Found> TlsTicketKeys::find(std::span<const unsigned char> name) {
  const std::lock_guard lock(mutex_);
  rotate();
  if (std::ranges::equal(name, current_.key.name)) return Found{current_.key, true};
  if (previous_ && std::ranges::equal(name, previous_->key.name)) return Found{previous_->key, false};
  return std::nullopt;
}

}  // namespace sluice
