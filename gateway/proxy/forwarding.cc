#include "gateway/proxy/forwarding.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "gateway/http/trailers.h"
#include "gateway/net/tls_state.h"

namespace sluice {
namespace {

bool is_hex(std::string_view text) noexcept {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_zero(std::string_view text) noexcept {
  return std::ranges::all_of(text, [](char c) { return c == '0'; });
}

std::uint64_t hex_digit(char c) noexcept {
  return static_cast<std::uint64_t>(c <= '9' ? c - '0' : c - 'a' + 10);
}

// Of 16 digits that is_hex() accepts.
std::uint64_t parse_hex(std::string_view text) noexcept {
  std::uint64_t value = 0;
  for (const char c : text)
    value = value << 4 | hex_digit(c);
  return value;
}

// The two digits of each byte.
constexpr std::array<std::array<char, 2>, 256> kHexPairs = [] {
  constexpr char kDigits[] = "0123456789abcdef";
  std::array<std::array<char, 2>, 256> pairs{};
  for (std::size_t i = 0; i < pairs.size(); ++i)
    pairs[i] = {kDigits[i >> 4], kDigits[i & 15]};
  return pairs;
}();

constexpr std::size_t kHexDigits = 16;  // of a 64-bit number

char* put_hex(std::uint64_t value, char* out) noexcept {
  for (int shift = 56; shift >= 0; shift -= 8, out += 2)
    std::memcpy(out, kHexPairs[(value >> shift) & 0xff].data(), 2);
  return out;
}

PooledString hex(std::uint64_t high, std::uint64_t low) {
  PooledString out;
  out.resize_and_overwrite(2 * kHexDigits, [&](char* digits, std::size_t size) {
    put_hex(low, put_hex(high, digits));
    return size;
  });
  return out;
}

// version "-" trace-id "-" parent-id "-" flags; later versions may append fields (W3C Trace Context 4.3).
bool is_traceparent(std::string_view text) noexcept {
  if (text.size() < 55 || (text.size() > 55 && (text.starts_with("00") || text[55] != '-'))) return false;
  return text[2] == '-' && text[35] == '-' && text[52] == '-' && is_hex(text.substr(0, 2)) &&
         is_hex(text.substr(3, 32)) && is_hex(text.substr(36, 16)) && is_hex(text.substr(53, 2)) &&
         !text.starts_with("ff") && !is_zero(text.substr(3, 32)) && !is_zero(text.substr(36, 16));
}

bool is_of_a_proxy(HeaderId id) noexcept {
  switch (id) {
    case HeaderId::kClientCert:
    case HeaderId::kClientCertChain:
    case HeaderId::kForwarded:
    case HeaderId::kXForwardedClientCert:
    case HeaderId::kXForwardedFor:
    case HeaderId::kXForwardedHost:
    case HeaderId::kXForwardedProto:
    case HeaderId::kXRealIp:
    case HeaderId::kXRequestId:
    case HeaderId::kTraceparent:
      return true;
    default:
      return false;
  }
}

// Servers that hand fields on in variables (CGI, WSGI) take `_` in a name for `-`: what such a server would
// read as a proxy's word is one.
std::string with_dashes(std::string_view name) {
  std::string out(name);
  std::ranges::replace(out, '_', '-');
  return out;
}

bool begins_with(std::string_view name, std::string_view prefix) noexcept {
  return name.size() > prefix.size() && equals_ignoring_case(name.substr(0, prefix.size()), prefix);
}

// What nobody but the gateway tells a backend, not even a trusted proxy.
bool speaks_for_a_proxy(const Headers::Field& field) {
  if (field.id != HeaderId::kOther) return is_of_a_proxy(field.id);
  constexpr std::string_view kInternal = "x-sluice-";
  if (!field.name.contains('_')) return begins_with(field.name, kInternal);
  const std::string name = with_dashes(field.name);
  return is_of_a_proxy(header_id(name)) || begins_with(name, kInternal);
}

// X-Forwarded-Port, X-Forwarded-Prefix and their like, which the gateway does not write itself: a trusted
// proxy's pass, a stranger's do not.
bool speaks_for_another_proxy(const Headers::Field& field) {
  constexpr std::string_view kForwarded = "x-forwarded-";
  if (field.id != HeaderId::kOther) return false;
  if (!field.name.contains('_')) return begins_with(field.name, kForwarded);
  return begins_with(with_dashes(field.name), kForwarded);
}

// Every field of a list header as one list.
std::string joined(const Headers& headers, HeaderId id) {
  std::string list;
  if (!headers.has(id)) return list;
  for (std::size_t i = 0; i < headers.size(); ++i) {
    if (headers[i].id != id || headers[i].value.empty()) continue;
    if (!list.empty()) list += ", ";
    list += headers[i].value;
  }
  return list;
}

// What backends are told about the way of a request.
struct Forwarded {
  std::string_view peer;
  std::string chain;  // in front of the peer, as a trusted proxy told it
  std::string_view proto;
  std::string_view host;
};

Forwarded forwarded_by(const ServerStream& stream, const ClientAddress& client) {
  Forwarded told{.peer = host_of_peer(stream.peer),
                 .chain = {},
                 .proto = stream.tls != nullptr ? "https" : "http",
                 .host = stream.head.authority()};
  if (!client.through_proxy) return told;
  const Headers& headers = stream.head.headers;
  told.chain = joined(headers, HeaderId::kXForwardedFor);
  // A proxy that speaks RFC 7239 alone: its chain is not translated hop by hop, only its end is.
  if (told.chain.empty() && client.text != told.peer) told.chain = client.text;
  if (headers.has(HeaderId::kXForwardedProto)) told.proto = headers.get(HeaderId::kXForwardedProto);
  if (headers.has(HeaderId::kXForwardedHost)) told.host = headers.get(HeaderId::kXForwardedHost);
  return told;
}

}  // namespace

TraceContext trace_context(const RequestHead& head, Random& random, TraceSampler sampler) {
  TraceContext trace;
  const std::string_view parent = head.headers.get(HeaderId::kTraceparent);
  std::uint64_t flags = 0;
  if (head.headers.count(HeaderId::kTraceparent) == 1 && is_traceparent(parent)) {
    trace.continued = true;
    trace.trace_id = parent.substr(3, 32);
    trace.parent_id = parse_hex(parent.substr(36, 16));
    // Only the flags that are defined (sampled, random) may be passed on (W3C Trace Context 3.2.2.5.2).
    flags = hex_digit(parent[54]) & 3u;
  } else {
    const std::uint64_t id_end = random.next() | 1;
    trace.trace_id = hex(random.next(), id_end);
    flags = sampler.samples(id_end) ? 1 : 0;
  }
  trace.sampled = (flags & 1) != 0;
  trace.span_id = random.next() | 1;
  trace.flags = static_cast<std::uint8_t>(flags);
  return trace;
}

std::array<char, 55> TraceContext::traceparent() const noexcept {
  std::array<char, 55> text;
  text.fill('0');  // version 00
  text[2] = text[35] = text[52] = '-';
  std::ranges::copy(trace_id, text.data() + 3);
  put_hex(span_id, text.data() + 36);
  text[54] = static_cast<char>('0' + flags);
  return text;
}

PooledString request_id(const RequestHead& head, Random& random) {
  const std::string_view given = head.headers.get(HeaderId::kXRequestId);
  const bool visible = std::ranges::all_of(given, [](char c) { return c > 0x20 && c < 0x7f; });
  if (!given.empty() && given.size() <= 128 && visible) return PooledString(given);
  const std::uint64_t high = random.next();
  return hex(high, random.next());
}

void add_via(Headers& headers) {
  constexpr std::string_view kVia = "1.1 sluice";
  if (!headers.has(HeaderId::kVia)) return headers.add(HeaderId::kVia, kVia);
  std::string list = joined(headers, HeaderId::kVia);
  if (!list.empty()) list += ", ";
  headers.set(HeaderId::kVia, list.append(kVia));
}

std::string forwarded_client_certificate(const PeerCertificate& certificate) {
  std::string out = "Hash=" + certificate.fingerprint + ";Subject=\"";
  for (const char c : certificate.subject) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  out.push_back('"');
  for (const AlternativeName& name : certificate.names) {
    if (name.kind != "URI" && name.kind != "DNS") continue;
    // What would end the element or begin another stands in quotes; a name with a quote is left out.
    if (name.value.find_first_of("\"\\") != std::string::npos) continue;
    const bool quoted = name.value.find_first_of(",;=") != std::string::npos;
    out.append(";")
        .append(name.kind)
        .append("=")
        .append(quoted ? "\"" : "")
        .append(name.value)
        .append(quoted ? "\"" : "");
  }
  return out;
}

RequestHead upstream_head(const ServerStream& stream, const ClientAddress& client, std::string_view id,
                          const TraceContext& trace) {
  constexpr std::size_t kAddedFields = 8;
  constexpr std::size_t kAddedBytes = 384;
  RequestHead head = stream.head.copy(kAddedFields, kAddedBytes);
  Headers& headers = head.headers;
  Forwarded forwarded = forwarded_by(stream, client);
  const std::array<char, 55> traceparent = trace.traceparent();
  headers.remove_if([&](const Headers::Field& field) {
    return speaks_for_a_proxy(field) || (!client.through_proxy && speaks_for_another_proxy(field));
  });
  // A tracestate belongs to the traceparent it came with.
  if (!trace.continued) headers.remove(HeaderId::kTracestate);
  add_via(headers);
  headers.add(HeaderId::kXRequestId, id);
  headers.add(HeaderId::kTraceparent, {traceparent.data(), traceparent.size()});
  headers.add(HeaderId::kXForwardedFor,
              forwarded.chain.empty() ? forwarded.peer : forwarded.chain.append(", ").append(forwarded.peer));
  headers.add(HeaderId::kXForwardedProto, forwarded.proto);
  if (!forwarded.host.empty()) headers.add(HeaderId::kXForwardedHost, forwarded.host);
  if (client.through_proxy) headers.add(HeaderId::kXRealIp, client.text);
  if (stream.forward_client_certificate && stream.tls != nullptr && stream.tls->peer)
    headers.add(HeaderId::kXForwardedClientCert, forwarded_client_certificate(*stream.tls->peer));
  return head;
}

Headers upstream_trailers(const Headers& trailers) {
  Headers kept = trailers;
  kept.remove_if([](const Headers::Field& field) {
    return trailer_fate(field.id) != TrailerFate::kKept || speaks_for_a_proxy(field) ||
           speaks_for_another_proxy(field) || field.id == HeaderId::kTracestate || field.id == HeaderId::kVia;
  });
  return kept;
}

}  // namespace sluice
