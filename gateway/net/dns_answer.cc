#include "gateway/net/dns_answer.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <utility>

namespace sluice {
namespace {

constexpr std::size_t kHeaderBytes = 12;
constexpr std::size_t kMaxNameBytes = 255;
constexpr std::uint16_t kClassInternet = 1;
constexpr std::uint16_t kTypeCname = 5;

// A name as it stands in messages, each label after its length, without the root's; in lower case. Unlike a
// text it cannot be mistaken where a label holds a dot.
using WireName = std::string;

struct Record {
  WireName owner;
  std::uint16_t type = 0;
  std::uint16_t dns_class = 0;
  std::uint32_t ttl = 0;
  std::size_t begin = 0;  // of its data
  std::size_t end = 0;
};

// Reads from the front; after a fault everything reads as zero and `ok` stays false.
class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> message, std::size_t at = 0) : message_(message), at_(at) {}

  bool ok() const noexcept { return ok_; }
  std::size_t at() const noexcept { return at_; }
  bool at_end() const noexcept { return at_ == message_.size(); }

  std::uint16_t u16() noexcept {
    if (!has(2)) return 0;
    const auto value = static_cast<std::uint16_t>(message_[at_] << 8 | message_[at_ + 1]);
    at_ += 2;
    return value;
  }
  std::uint32_t u32() noexcept {
    const std::uint32_t high = u16();
    return high << 16 | u16();
  }
  void skip(std::size_t bytes) noexcept {
    if (has(bytes)) at_ += bytes;
  }
  WireName name();
  Record record();

 private:
  bool has(std::size_t bytes) noexcept {
    if (!ok_ || message_.size() - at_ < bytes) return fault();
    return true;
  }
  bool fault() noexcept {
    ok_ = false;
    return false;
  }

  std::span<const std::uint8_t> message_;
  std::size_t at_;
  bool ok_ = true;
};

char lower(std::uint8_t c) noexcept {
  return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

// RFC 1035 4.1.4. Every jump goes to a place before all those visited, so there are fewer than bytes.
WireName Reader::name() {
  WireName out;
  std::size_t from = at_;
  std::size_t earliest = at_;
  bool jumped = false;
  while (ok_) {
    if (from >= message_.size()) break;
    const std::size_t length = message_[from];
    if (length == 0) {
      if (!jumped) at_ = from + 1;
      return out;
    }
    if (length >= 0xC0) {
      if (from + 1 >= message_.size()) break;
      const std::size_t target = (length & 0x3F) << 8 | message_[from + 1];
      if (target < kHeaderBytes || target >= earliest) break;
      if (!std::exchange(jumped, true)) at_ = from + 2;
      from = earliest = target;
      continue;
    }
    // One more for the root's length, which `out` leaves out.
    if (length > 63 || from + 1 + length > message_.size() || out.size() + 1 + length + 1 > kMaxNameBytes)
      break;
    out.push_back(static_cast<char>(length));
    for (const std::uint8_t c : message_.subspan(from + 1, length))
      out.push_back(lower(c));
    from += 1 + length;
  }
  fault();
  return {};
}

Record Reader::record() {
  Record r;
  r.owner = name();
  r.type = u16();
  r.dns_class = u16();
  r.ttl = u32();
  // RFC 2181 8: what would be negative counts as zero.
  if (r.ttl > std::numeric_limits<std::int32_t>::max()) r.ttl = 0;
  const std::size_t length = u16();
  r.begin = at_;
  skip(length);
  r.end = at_;
  return r;
}

// Nothing where a label has a character that no host's name has.
std::optional<std::string> host_text(const WireName& name) {
  std::string out;
  for (std::size_t at = 0; at < name.size();) {
    const auto length = static_cast<std::size_t>(static_cast<unsigned char>(name[at]));
    const std::string_view label = std::string_view(name).substr(at + 1, length);
    const bool plain = std::ranges::all_of(label, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    });
    if (!plain) return std::nullopt;
    if (!out.empty()) out += '.';
    out += label;
    at += 1 + length;
  }
  return out;
}

bool is_address(const Record& r) noexcept {
  return r.dns_class == kClassInternet &&
         (r.type == std::to_underlying(DnsType::kA) || r.type == std::to_underlying(DnsType::kAaaa));
}

DnsAnswer refused(DnsOutcome outcome, std::string problem) {
  return {.outcome = outcome, .problem = std::move(problem)};
}

DnsAnswer malformed(const char* what) {
  return refused(DnsOutcome::kMalformed, std::string("the answer is malformed: ") + what);
}

class AnswerReader {
 public:
  explicit AnswerReader(std::span<const std::uint8_t> message) : message_(message) {}

  DnsAnswer read();

 private:
  struct Counts {
    std::size_t answers = 0;
    std::size_t authorities = 0;
    std::size_t additional = 0;
  };

  std::optional<DnsAnswer> read_header(Reader& reader, Counts& counts);
  bool read_records(Reader& reader, const Counts& counts);
  // From the question's name over its aliases to the name that has the records; nothing after too many.
  std::optional<WireName> follow_aliases();
  const char* take(const Record& record);
  std::optional<std::string> address_of(const Record& record) const;
  std::optional<WireName> name_in(const Record& record, std::size_t after) const;
  const char* add_service(const Record& record);
  const char* add_addresses(const std::vector<Record>& records, DnsService& service);
  void lower_ttl(const Record& record) {
    answer_.ttl = std::min<Duration>(answer_.ttl, std::chrono::seconds(record.ttl));
  }

  std::span<const std::uint8_t> message_;
  WireName name_;
  std::uint16_t type_ = 0;
  std::vector<Record> answers_;
  std::map<WireName, std::vector<Record>> additional_;  // addresses only, by owner
  DnsAnswer answer_;
};

DnsAnswer AnswerReader::read() {
  Reader reader(message_);
  Counts counts;
  if (auto ended = read_header(reader, counts)) return std::move(*ended);
  if (!read_records(reader, counts)) return malformed("a record is cut short or names go in circles");
  if (!reader.at_end()) return malformed("bytes follow the last record");
  answer_.ttl = std::chrono::seconds(std::numeric_limits<std::int32_t>::max());
  const std::optional<WireName> owner = follow_aliases();
  if (!owner) return malformed("an alias is malformed, or there are more than kMaxDnsAliases");
  for (const Record& record : answers_) {
    if (record.owner != *owner || record.type != type_) continue;
    if (const char* fault = take(record)) return malformed(fault);
  }
  if (answer_.addresses.empty() && answer_.services.empty())
    return refused(DnsOutcome::kNoRecords, "the name has no such records");
  return std::move(answer_);
}

std::optional<DnsAnswer> AnswerReader::read_header(Reader& reader, Counts& counts) {
  constexpr std::uint16_t kResponse = 0x8000;
  constexpr std::uint16_t kOpcode = 0x7800;
  constexpr std::uint16_t kTruncated = 0x0200;
  constexpr std::uint16_t kCode = 0x000F;
  reader.skip(2);
  const std::uint16_t flags = reader.u16();
  const std::uint16_t questions = reader.u16();
  counts = {.answers = reader.u16(), .authorities = reader.u16(), .additional = reader.u16()};
  name_ = reader.name();
  type_ = reader.u16();
  const std::uint16_t dns_class = reader.u16();
  if (!reader.ok() || (flags & kResponse) == 0 || (flags & kOpcode) != 0 || questions != 1)
    return malformed("it is no answer to one question");
  if (dns_class != kClassInternet || name(DnsType(type_)).empty())
    return malformed("it answers another question");
  const int code = flags & kCode;
  if (code == 3) return refused(DnsOutcome::kNoName, "the name does not exist (NXDOMAIN)");
  if (code != 0) {
    return refused(DnsOutcome::kServerFailure,
                   code == 2 ? "the name server failed (SERVFAIL)"
                             : "the name server answered with code " + std::to_string(code));
  }
  if ((flags & kTruncated) != 0) return malformed("it is truncated");
  return std::nullopt;
}

bool AnswerReader::read_records(Reader& reader, const Counts& counts) {
  for (std::size_t i = 0; i < counts.answers && reader.ok(); ++i) {
    Record record = reader.record();
    if (record.dns_class == kClassInternet) answers_.push_back(std::move(record));
  }
  for (std::size_t i = 0; i < counts.authorities && reader.ok(); ++i)
    (void)reader.record();
  for (std::size_t i = 0; i < counts.additional && reader.ok(); ++i) {
    Record record = reader.record();
    if (!is_address(record)) continue;
    auto& of_owner = additional_[record.owner];
    if (of_owner.size() < kMaxDnsTargetAddresses) of_owner.push_back(std::move(record));
  }
  return reader.ok();
}

std::optional<WireName> AnswerReader::follow_aliases() {
  WireName owner = name_;
  for (std::size_t followed = 0;; ++followed) {
    const auto alias = std::ranges::find_if(
        answers_, [&](const Record& r) { return r.type == kTypeCname && r.owner == owner; });
    if (alias == answers_.end()) return owner;
    std::optional<WireName> target = name_in(*alias, 0);
    if (followed == kMaxDnsAliases || !target) return std::nullopt;
    lower_ttl(*alias);
    owner = std::move(*target);
  }
}

const char* AnswerReader::take(const Record& record) {
  lower_ttl(record);
  if (type_ == std::to_underlying(DnsType::kSrv)) return add_service(record);
  auto address = address_of(record);
  if (!address) return "an address has the wrong length";
  answer_.addresses.push_back(std::move(*address));
  return nullptr;
}

std::optional<std::string> AnswerReader::address_of(const Record& record) const {
  const bool v4 = record.type == std::to_underlying(DnsType::kA);
  if (record.end - record.begin != (v4 ? 4U : 16U)) return std::nullopt;
  char text[INET6_ADDRSTRLEN];
  if (::inet_ntop(v4 ? AF_INET : AF_INET6, message_.data() + record.begin, text, sizeof text) == nullptr)
    return std::nullopt;
  return text;
}

std::optional<WireName> AnswerReader::name_in(const Record& record, std::size_t after) const {
  if (record.end - record.begin <= after) return std::nullopt;
  Reader reader(message_, record.begin + after);
  WireName name = reader.name();
  if (!reader.ok() || reader.at() != record.end) return std::nullopt;
  return name;
}

const char* AnswerReader::add_service(const Record& record) {
  constexpr std::size_t kNumbers = 6;
  const std::optional<WireName> target = name_in(record, kNumbers);
  const std::optional<std::string> host = target ? host_text(*target) : std::nullopt;
  if (!host) return "a service's target is no host's name";
  Reader reader(message_, record.begin);
  DnsService service;
  service.priority = reader.u16();
  service.weight = reader.u16();
  service.port = reader.u16();
  service.target = *host;
  const auto brought = target->empty() ? additional_.end() : additional_.find(*target);
  if (brought != additional_.end()) {
    if (const char* fault = add_addresses(brought->second, service)) return fault;
  }
  answer_.services.push_back(std::move(service));
  return nullptr;
}

const char* AnswerReader::add_addresses(const std::vector<Record>& records, DnsService& service) {
  for (const Record& r : records) {
    auto address = address_of(r);
    if (!address) return "an address has the wrong length";
    service.addresses.push_back(std::move(*address));
    lower_ttl(r);
  }
  return nullptr;
}

}  // namespace

std::string_view name(DnsType type) noexcept {
  switch (type) {
    case DnsType::kA:
      return "A";
    case DnsType::kAaaa:
      return "AAAA";
    case DnsType::kSrv:
      return "SRV";
  }
  return {};
}

DnsAnswer read_dns_answer(std::span<const std::uint8_t> message) {
  return AnswerReader(message).read();
}

}  // namespace sluice
