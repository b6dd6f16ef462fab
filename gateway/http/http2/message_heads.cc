#include "gateway/http/http2/message_heads.h"

#include <nghttp2/nghttp2.h>

#include <charconv>
#include <optional>
#include <vector>

#include "gateway/http/http2/outgoing_body.h"
#include "gateway/runtime/pooled_allocator.h"

namespace sluice::http2 {
namespace {

bool belongs_to_one_connection(HeaderId id) noexcept {
  switch (id) {
    case HeaderId::kConnection:
    case HeaderId::kKeepAlive:
    case HeaderId::kProxyConnection:
    case HeaderId::kTe:
    case HeaderId::kTransferEncoding:
    case HeaderId::kUpgrade:
      return true;
    default:
      return false;
  }
}

// Secrets stay out of the peer's table (RFC 7541 7.1.3). So does what no other message repeats: it would push
// out what does, and every look-up of the name would go through all of it.
bool is_not_indexed(HeaderId id) noexcept {
  switch (id) {
    case HeaderId::kAuthorization:
    case HeaderId::kCookie:
    case HeaderId::kProxyAuthorization:
    case HeaderId::kSetCookie:
    case HeaderId::kTraceparent:
    case HeaderId::kXRequestId:
      return true;
    default:
      return false;
  }
}

// The fields of one head as the session takes them. What they point at outlives the submission.
class Fields {
 public:
  explicit Fields(std::size_t expected) { fields_.reserve(expected); }

  // The name is a literal in lower case, which the session does not copy.
  void add(const char* name, std::string_view value) { push(name, value, NGHTTP2_NV_FLAG_NO_COPY_NAME); }
  void add(const Headers& headers) {
    for (std::size_t i = 0; i < headers.size(); ++i) {
      const Headers::Field field = headers[i];
      if (belongs_to_one_connection(field.id)) continue;
      const int flags = is_not_indexed(field.id) ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE;
      if (field.id == HeaderId::kOther) {
        push(field.name, field.value, flags);
      } else {
        push(header_name(field.id), field.value, flags | NGHTTP2_NV_FLAG_NO_COPY_NAME);
      }
    }
  }
  const nghttp2_nv* data() const noexcept { return fields_.data(); }
  std::size_t size() const noexcept { return fields_.size(); }

 private:
  void push(std::string_view name, std::string_view value, int flags) {
    // The session does not write through these pointers.
    const auto bytes = [](std::string_view text) {
      return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
    };
    fields_.push_back(
        {bytes(name), bytes(value), name.size(), value.size(), static_cast<std::uint8_t>(flags)});
  }

  std::vector<nghttp2_nv, PooledAllocator<nghttp2_nv>> fields_;
};

// A number as text.
class Digits {
 public:
  explicit Digits(std::uint64_t value) noexcept
      : size_(static_cast<std::size_t>(std::to_chars(text_, text_ + sizeof text_, value).ptr - text_)) {}
  std::string_view view() const noexcept { return {text_, size_}; }

 private:
  char text_[20];
  std::size_t size_;
};

ssize_t read_body(nghttp2_session*, std::int32_t, std::uint8_t*, std::size_t length, std::uint32_t* flags,
                  nghttp2_data_source* source, void*) {
  return static_cast<OutgoingBody*>(source->ptr)->pack(length, *flags);
}

nghttp2_data_provider provider(OutgoingBody* body) noexcept {
  nghttp2_data_provider out;
  out.source.ptr = body;
  out.read_callback = read_body;
  return out;
}

// nghttp2_hd_deflate_bound() and the priority that HEADERS might have, with `more` short fields.
std::size_t block_bound(const Headers& headers, std::size_t more) noexcept {
  constexpr std::size_t kPerField = 12;
  std::size_t bytes = 12 + 5 + more * (kPerField + 32);
  for (std::size_t i = 0; i < headers.size(); ++i)
    bytes += kPerField + headers[i].name.size() + headers[i].value.size();
  return bytes;
}

}  // namespace

bool fits_a_block(const ResponseHead& head) noexcept {
  // ":status", date and length.
  return block_bound(head.headers, 3) <= kMaxBlockBytes;
}

bool fits_a_block(const RequestHead& head) noexcept {
  // ":method", ":scheme", ":path", ":authority" and length.
  return block_bound(head.headers, 5) + head.path().size() + head.query().size() + head.authority().size() <=
         kMaxBlockBytes;
}

bool submit_response(nghttp2_session& session, std::int32_t stream_id, const ResponseHead& head,
                     std::string_view date, OutgoingBody* body) {
  const Digits status(static_cast<std::uint64_t>(head.status));
  const Digits length(head.content_length.value_or(0));
  Fields fields(head.headers.size() + 3);
  fields.add(":status", status.view());
  fields.add(head.headers);
  if (!head.headers.has(HeaderId::kDate)) fields.add("date", date);
  // RFC 9110 8.6: no Content-Length in 204; to HEAD and in 304 it tells what GET would have sent.
  if (head.content_length && head.status != 204) fields.add("content-length", length.view());
  const nghttp2_data_provider source = provider(body);
  return nghttp2_submit_response(&session, stream_id, fields.data(), fields.size(),
                                 body != nullptr ? &source : nullptr) == 0;
}

bool submit_interim(nghttp2_session& session, std::int32_t stream_id, int status) {
  const Digits digits(static_cast<std::uint64_t>(status));
  Fields fields(1);
  fields.add(":status", digits.view());
  return nghttp2_submit_headers(&session, NGHTTP2_FLAG_NONE, stream_id, nullptr, fields.data(), fields.size(),
                                nullptr) == 0;
}

std::int32_t submit_request(nghttp2_session& session, const RequestHead& head, std::string_view scheme,
                            std::optional<std::uint64_t> length, OutgoingBody* body, void* user_data) {
  const Digits digits(length.value_or(0));
  std::string path(head.path());
  path.append(head.query());
  Fields fields(head.headers.size() + 5);
  fields.add(":method", name(head.method));
  fields.add(":scheme", scheme);
  fields.add(":authority", head.authority());
  fields.add(":path", path);
  fields.add(head.headers);
  if (length) fields.add("content-length", digits.view());
  const nghttp2_data_provider source = provider(body);
  return nghttp2_submit_request(&session, nullptr, fields.data(), fields.size(),
                                body != nullptr ? &source : nullptr, user_data);
}

bool submit_trailers(nghttp2_session& session, std::int32_t stream_id, const Headers& trailers) {
  Fields fields(trailers.size());
  fields.add(trailers);
  return nghttp2_submit_trailer(&session, stream_id, fields.data(), fields.size()) == 0;
}

}  // namespace sluice::http2
