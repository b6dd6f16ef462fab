#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "gateway/http/http1/server_connection.h"
#include "gateway/net/memory_transport.h"
#include "gateway/runtime/task_group.h"
#include "tests/fuzz/request_oracle.h"

namespace {

using namespace sluice;

using fuzz::expect;

// Checks what no request that reaches a handler may break, reads the body and answers in one of the ways that
// a handler may, chosen by the input.
class CheckingHandler final : public StreamHandler {
 public:
  std::uint8_t behaviour = 0;

  Task<Result<void>> serve(ServerStream& stream) override {
    fuzz::expect_sound(stream.head);
    if (behaviour % 4 == 1) co_return co_await answer(stream.client, 401);
    std::uint64_t size = 0;
    for (;;) {
      const Result<BodyPiece> piece = co_await stream.body.read();
      if (!piece) {
        if (piece.error().kind == ErrorKind::kClientGone) co_return fail(piece.error());
        co_return co_await answer(stream.client, traits(piece.error().kind).status);
      }
      size += piece->bytes.size();
      if (piece->last) break;
      expect(!piece->bytes.empty());
      if (behaviour % 4 == 2) co_return fail(ErrorKind::kInternal, "gives up");
    }
    if (stream.body.length()) expect(size == *stream.body.length());
    expect(size <= kMaxBody);
    co_return co_await answer(stream.client, 200);
  }

  Task<Result<void>> refuse(RefusedRequest refused) override {
    expect(refused.error.fault() == Fault::kDownstream);
    co_return co_await answer(refused.client, traits(refused.error.kind).status);
  }

  static constexpr std::uint64_t kMaxBody = 4'096;

 private:
  Task<Result<void>> answer(ResponseWriter& client, int status) {
    ResponseHead head;
    head.status = status;
    if (behaviour & 4) head.content_length = 5;
    (void)co_await client.start(std::move(head));
    if (behaviour & 8) {
      const Result<void> written = co_await client.write("he");
      if (!written) co_return written;
      co_return co_await client.finish("llo");
    }
    co_return co_await client.finish("hello");
  }
};

}  // namespace

// The first byte chooses what the handler does, the next two how the bytes behind arrive: how many at a time
// and how many one read yields. Then the client leaves.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 3, size - 3);
  const std::size_t step = data[1] == 0 ? bytes.size() + 1 : data[1];
  ManualTime time;
  Loop loop(time, 1);
  CheckingHandler handler;
  handler.behaviour = data[0];
  http1::ServerLimits limits;
  limits.head.max_head_bytes = 1'024;
  limits.head.max_uri_bytes = 256;
  limits.head.max_headers = 16;
  limits.max_body_bytes = CheckingHandler::kMaxBody;
  auto [client, server] = MemoryTransport::pair(loop, 512);
  if (data[2] != 0) server->limit_reads(data[2]);
  {
    http1::ServerConnection connection(std::move(server), limits, handler);
    TaskGroup tasks;
    tasks.spawn(connection.run());
    char sink[4096];
    // Bounded: a server that takes nothing more is done with this client.
    for (std::size_t idle = 0; !bytes.empty() && idle < 4;) {
      const std::string_view pieces[] = {bytes.substr(0, step)};
      const IoResult r = client->try_write(pieces);
      if (r.status == IoResult::Status::kBroken) break;
      bytes.remove_prefix(r.bytes);
      idle = r.bytes == 0 ? idle + 1 : 0;
      loop.poll();
      // Not reading is the client's other way to be difficult.
      if ((data[0] & 16) == 0) (void)client->try_read(sink);
      loop.poll();
    }
    if (data[0] & 32) {
      time.advance(std::chrono::seconds(11));
      loop.expire();
      loop.poll();
    }
    if (data[0] & 64) {
      client->reset();
    } else {
      client->close();
    }
    loop.poll();
    expect(connection.idle());
    expect(tasks.size() == 0);
  }
  expect(loop.buffers().blocks_in_use() == 0);
  return 0;
}
