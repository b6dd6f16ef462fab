#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <utility>

#include "gateway/http/http1/client_connection.h"
#include "gateway/net/memory_transport.h"
#include "gateway/runtime/child.h"

namespace {

using namespace sluice;

void expect(bool condition) {
  if (!condition) std::abort();
}

void expect_one_line(std::string_view text) {
  expect(text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos);
}

void expect_sane(const Headers& headers) {
  for (std::size_t i = 0; i < headers.size(); ++i) {
    const Headers::Field field = headers[i];
    expect(!field.name.empty());
    expect_one_line(field.name);
    expect_one_line(field.value);
    expect(field.id != HeaderId::kContentLength && field.id != HeaderId::kTransferEncoding);
    expect(field.id != HeaderId::kConnection);
  }
}

// One exchange after the other for as long as the connection may be used again. Returns how many ended well.
Task<int> exchanges(http1::ClientConnection& connection, Loop& loop, Method method) {
  RequestHead request;
  request.method = method;
  request.set_authority("b");
  request.set_target("/", "");
  for (int done = 0;; ++done) {
    const Result<void> sent =
        co_await connection.send(request, std::nullopt, {}, true, std::chrono::seconds(1));
    if (!sent) co_return done;
    const TimePoint deadline = loop.now() + std::chrono::seconds(5);
    const Result<ResponseHead> head = co_await connection.read_head(deadline);
    if (!head) {
      expect(head.error().fault() == Fault::kUpstream);
      expect(!connection.reusable());
      co_return done;
    }
    expect(head->status >= 200 && head->status <= 599);
    expect_sane(head->headers);
    std::uint64_t size = 0;
    for (;;) {
      const Result<BodyPiece> piece = co_await connection.read(deadline);
      if (!piece) {
        expect(piece.error().fault() == Fault::kUpstream);
        expect(!connection.reusable());
        co_return done;
      }
      size += piece->bytes.size();
      if (piece->last) break;
      expect(!piece->bytes.empty());
    }
    const bool bodyless = method == Method::kHead || status_has_no_body(head->status);
    expect(!bodyless || size == 0);
    expect(bodyless || !head->content_length || size == *head->content_length);
    if (connection.trailers() != nullptr) expect_sane(*connection.trailers());
    if (!connection.reusable()) co_return done;
    connection.reset();
    expect(loop.buffers().blocks_in_use() == 0);
  }
}

}  // namespace

// The first byte chooses the request's method and how the backend ends, the next two how its bytes arrive:
// how many at a time and how many one read yields.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 3, size - 3);
  const std::size_t step = data[1] == 0 ? bytes.size() + 1 : data[1];
  ManualTime time;
  Loop loop(time, 1);
  http1::HeadLimits limits;
  limits.max_head_bytes = 1'024;
  limits.max_headers = 16;
  auto [near, far] = MemoryTransport::pair(loop, 64 * 1024);
  if (data[2] != 0) near->limit_reads(data[2]);
  {
    http1::ClientConnection connection(std::move(near), limits);
    Child<int> child(loop, exchanges(connection, loop, (data[0] & 1) ? Method::kHead : Method::kGet));
    while (!bytes.empty() && !child.finished()) {
      const std::string_view pieces[] = {bytes.substr(0, step)};
      const IoResult r = far->try_write(pieces);
      if (r.status != IoResult::Status::kOk) break;
      bytes.remove_prefix(r.bytes);
      loop.poll();
    }
    if (data[0] & 2) {
      time.advance(std::chrono::seconds(6));
      loop.expire();
    } else if (data[0] & 4) {
      far->reset();
    } else {
      far->close();
    }
    loop.poll();
    expect(child.finished());
  }
  expect(loop.buffers().blocks_in_use() == 0);
  return 0;
}
