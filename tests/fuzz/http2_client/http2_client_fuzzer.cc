#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/http/http2/client_connection.h"
#include "gateway/http/http2/request_stream.h"
#include "gateway/net/memory_transport.h"
#include "gateway/runtime/child.h"

namespace {

using namespace sluice;

void expect(bool condition) {
  if (!condition) std::abort();
}

struct Nobody final : http2::ClientConnection::Owner {
  void on_connection_changed(http2::ClientConnection&) override {}
};

// HTTP/2's default, which holds until a backend has acknowledged SETTINGS.
constexpr std::uint32_t kWindow = 65535;

RequestHead head_of(Method method) {
  RequestHead head;
  head.method = method;
  head.set_authority("backend");
  head.set_target("/", "");
  return head;
}

// More than the backend's first window takes, with trailers behind it.
Task<bool> upload(http2::RequestStream& stream) {
  const std::string large(100'000, 'x');
  const std::string_view body[] = {"the request's ", large};
  const RequestHead head = head_of(Method::kPost);
  Result<void> sent = co_await stream.send(head, std::nullopt, body, false, std::chrono::seconds(1));
  Headers trailers;
  trailers.add("x-checksum", "1");
  if (sent) sent = co_await stream.send_body("body", true, std::chrono::seconds(1), &trailers);
  co_return sent.has_value();
}

Task<bool> download(Loop& loop, http2::RequestStream& stream) {
  const Result<ResponseHead> answer = co_await stream.read_head(loop.now() + std::chrono::seconds(5));
  if (!answer) co_return false;
  expect(answer->status >= 200 && answer->status <= 999);
  for (;;) {
    const Result<BodyPiece> piece = co_await stream.read(loop.now() + std::chrono::seconds(5));
    if (!piece) co_return false;
    expect(stream.held_bytes() <= kWindow);
    if (piece->last) co_return true;
  }
}

}  // namespace

// The first byte is the size of the pieces that a backend's bytes come in; the rest is what the backend sends
// to three requests: one is sent and read, one is never read, one is given up half-way. Whatever it is,
// nothing waits for ever and no stream holds more than its window.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t piece = std::size_t{data[0]} * data[0] + 1;
  ManualTime time;
  Loop loop(time, 1);
  Gauge streams;
  Counter goaways, refused, resets, pings_lost, protocol_errors;
  Nobody owner;
  auto [near, far] = MemoryTransport::pair(loop);
  http2::ClientLimits limits;
  limits.stream_window = kWindow;
  http2::ClientConnection connection(
      std::move(near), limits,
      http2::ClientCounts{streams, goaways, refused, resets, pings_lost, protocol_errors}, "http", owner);
  auto unread = connection.begin();
  auto left = connection.begin();
  auto read = connection.begin();
  const RequestHead get = head_of(Method::kGet);
  Child<Result<void>> asking(loop, unread->send(get, std::nullopt, {}, true, std::chrono::seconds(1)));
  Child<bool> sending(loop, upload(*read));
  Child<bool> reading(loop, download(loop, *read));
  std::optional<Child<bool>> leaving_upload(std::in_place, loop, upload(*left));
  std::optional<Child<bool>> leaving(std::in_place, loop, download(loop, *left));
  std::string sink(64 * 1024, '\0');
  bool half_way = false;
  while (!bytes.empty()) {
    const std::string_view pieces[] = {bytes.substr(0, piece)};
    bytes.remove_prefix(pieces[0].size());
    if (far->try_write(pieces).status != IoResult::Status::kOk) break;
    loop.poll();
    (void)far->try_read(sink);
    loop.poll();
    expect(unread->held_bytes() <= kWindow);
    if (!half_way && bytes.size() < size / 2) {
      half_way = true;
      leaving.reset();
      leaving_upload.reset();
      left.reset();
      loop.poll();
    }
  }
  time.advance(std::chrono::seconds(6));
  loop.expire();
  loop.poll();
  leaving.reset();
  leaving_upload.reset();
  expect(reading.finished() && sending.finished());
  if (connection.over()) expect(connection.room() == 0);
  left.reset();
  read.reset();
  unread.reset();
  expect(streams.value() == 0);
  loop.poll();
  return 0;
}
