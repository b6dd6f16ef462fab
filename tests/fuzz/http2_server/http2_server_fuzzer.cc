#include <sanitizer/allocator_interface.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "gateway/http/http2/server_connection.h"
#include "gateway/net/memory_transport.h"
#include "gateway/runtime/signal.h"
#include "gateway/runtime/task_group.h"
#include "tests/fuzz/http2_frames.h"
#include "tests/fuzz/http2_script.h"
#include "tests/fuzz/request_oracle.h"
#include "tests/support/test_loop.h"

namespace {

using namespace sluice;
using fuzz::expect;
using Step = fuzz::Http2Script::Step;

// The window of the connection, what the session queues and keeps of its streams, the blocks of both ends,
// and what the test itself needs.
constexpr std::size_t kMaxHeld = http2::ServerConnection::kConnectionWindow + 1024 * 1024;

// Reads, answers, streams, waits or gives up, as the input says; what reaches it is sound.
class CheckingHandler final : public StreamHandler {
 public:
  CheckingHandler(Loop& loop, unsigned behaviour) : wake(loop), behaviour_(behaviour) {}

  Task<Result<void>> serve(ServerStream& stream) override {
    const sluice::test::Alive scope(working);
    fuzz::expect_sound(stream.head);
    // Several streams of one connection do different things.
    const Result<void> outcome = co_await work(stream, behaviour_ + served_++);
    co_return outcome;
  }

  Task<Result<void>> refuse(RefusedRequest refused) override {
    expect(refused.error.fault() == Fault::kDownstream);
    return answer(refused.client, traits(refused.error.kind).status, 0);
  }

  static constexpr std::uint64_t kMaxBody = 20'000;
  Signal wake;
  int working = 0;

 private:
  Task<Result<void>> work(ServerStream& stream, unsigned behaviour) {
    switch (behaviour % 6) {
      case 0:
        return read_and_answer(stream, behaviour);
      case 1:
        return answer(stream.client, 401, behaviour);
      case 2:
        return echo(stream);
      case 3:
        return events(stream);
      case 4:
        return large(stream);
      default:
        return give_up(stream);
    }
  }

  static Task<Result<void>> answer(ResponseWriter& client, int status, unsigned how) {
    ResponseHead head;
    head.status = status;
    if ((how & 8) != 0) head.content_length = 5;
    (void)co_await client.start(std::move(head));
    if ((how & 16) != 0) {
      const Result<void> written = co_await client.write("he");
      if (!written) co_return written;
      co_return co_await client.finish("llo");
    }
    co_return co_await client.finish("hello");
  }

  static Task<Result<void>> read_and_answer(ServerStream& stream, unsigned how) {
    std::uint64_t size = 0;
    for (;;) {
      const Result<BodyPiece> piece = co_await stream.body.read();
      if (!piece) {
        if (piece.error().kind == ErrorKind::kClientGone) co_return fail(piece.error());
        co_return co_await answer(stream.client, traits(piece.error().kind).status, 0);
      }
      size += piece->bytes.size();
      expect(size <= kMaxBody);
      if (piece->last) break;
      expect(!piece->bytes.empty());
    }
    if (stream.body.length()) expect(size == *stream.body.length());
    const Headers* trailers = stream.body.trailers();
    for (std::size_t i = 0; trailers != nullptr && i < trailers->size(); ++i) {
      const Headers::Field field = (*trailers)[i];
      expect(!field.name.starts_with(':') && fuzz::is_one_line(field.name) && fuzz::is_one_line(field.value));
    }
    co_return co_await answer(stream.client, 200, how);
  }

  static Task<Result<void>> echo(ServerStream& stream) {
    (void)co_await stream.client.start(ResponseHead());
    for (;;) {
      const Result<BodyPiece> piece = co_await stream.body.read();
      if (!piece) co_return fail(piece.error());
      if (piece->last) co_return co_await stream.client.finish(piece->bytes, stream.body.trailers());
      const Result<void> written = co_await stream.client.write(piece->bytes);
      if (!written) co_return written;
    }
  }

  Task<Result<void>> events(ServerStream& stream) {
    (void)co_await stream.client.start(ResponseHead());
    (void)co_await stream.client.flush();
    for (int i = 0; i < 5; ++i) {
      co_await wake.wait();
      const Result<void> written = co_await stream.client.write("data: event\n\n");
      if (!written) co_return written;
    }
    co_return co_await stream.client.finish({});
  }

  static Task<Result<void>> large(ServerStream& stream) {
    ResponseHead head;
    const std::string bytes(50'000, 'x');
    head.content_length = 2 * bytes.size();
    (void)co_await stream.client.start(std::move(head));
    const Result<void> written = co_await stream.client.write(bytes);
    if (!written) co_return written;
    co_return co_await stream.client.finish(bytes);
  }

  static Task<Result<void>> give_up(ServerStream& stream) {
    (void)co_await stream.client.start(ResponseHead());
    (void)co_await stream.client.write("half");
    (void)co_await stream.body.read();
    co_return fail(ErrorKind::kInternal, "gives up");
  }

  unsigned behaviour_;
  unsigned served_ = 0;
};

void serve(std::string_view input) {
  fuzz::ByteCursor choices(input.substr(0, 4));
  const unsigned behaviour = choices.byte();
  const std::size_t step = choices.byte();
  const std::size_t read_limit = choices.byte();
  const unsigned flags = choices.byte();
  const std::string_view program = input.substr(4);
  const std::size_t held_before = __sanitizer_get_current_allocated_bytes();

  ManualTime time;
  Loop loop(time, 1);
  CheckingHandler handler(loop, behaviour);
  ServerLimits limits;
  limits.head = {.max_head_bytes = 2'048, .max_headers = 16, .max_uri_bytes = 256};
  limits.max_body_bytes = CheckingHandler::kMaxBody;
  limits.max_streams = 8;
  http2::ServerCounts counts;
  fuzz::ServerFrames frames;
  auto [client, server] = MemoryTransport::pair(loop, 32 * 1024);
  if (read_limit != 0) server->limit_reads(read_limit);
  {
    http2::ServerConnection connection(std::move(server), limits, counts, handler);
    TaskGroup tasks;
    tasks.spawn(connection.run());
    bool reads = true;
    char sink[16 * 1024];
    const auto turn = [&] {
      loop.poll();
      for (IoResult r; reads && (r = client->try_read(sink)).status == IoResult::Status::kOk;) {
        frames.sent_by_server({sink, r.bytes});
        loop.poll();
      }
      expect(connection.streams() <= limits.max_streams);
      expect(__sanitizer_get_current_allocated_bytes() < held_before + kMaxHeld);
    };
    // Bounded: a server that takes nothing more is done with this client.
    const auto send = [&](std::string_view bytes) {
      const std::size_t most = step == 0 ? bytes.size() : std::max(step, bytes.size() / 64);
      for (int idle = 0; !bytes.empty() && idle < 4;) {
        const std::string_view piece = bytes.substr(0, most);
        const IoResult r = client->try_write({&piece, 1});
        if (r.status == IoResult::Status::kBroken) return false;
        frames.sent_by_client(piece.substr(0, r.bytes));
        bytes.remove_prefix(r.bytes);
        idle = r.bytes == 0 ? idle + 1 : 0;
        turn();
      }
      return bytes.empty();
    };
    turn();
    if ((flags & 1) != 0) {
      send(program);
    } else {
      fuzz::Http2Script script(program);
      for (std::optional<Step> s = script.next(); s; s = script.next()) {
        if (s->kind == Step::Kind::kSend && !send(s->bytes)) break;
        if (s->kind == Step::Kind::kRead) reads = s->amount != 0;
        if (s->kind == Step::Kind::kWake) handler.wake.notify_all();
        if (s->kind == Step::Kind::kDrain) connection.drain();
        if (s->kind == Step::Kind::kTime) {
          time.advance(std::chrono::seconds(s->amount));
          loop.expire();
        }
        turn();
      }
    }
    if ((flags & 2) != 0) {
      client->reset();
    } else if ((flags & 4) != 0) {
      client->shutdown_write();
    } else if ((flags & 8) != 0) {
      tasks.cancel_all();
    } else {
      client->close();
    }
    loop.poll();
    // A half-closed client is one that left; what it is still owed may linger for it.
    if ((flags & 4) != 0) {
      time.advance(std::chrono::seconds(3));
      loop.expire();
      loop.poll();
    }
    expect(tasks.size() == 0);
    if ((flags & 8) == 0) expect(handler.working == 0);
  }
  expect(handler.working == 0);
  expect(counts.stalled_streams == 0);
  expect(loop.buffers().blocks_in_use() == 0);
}

}  // namespace

// The first byte chooses what the handler does, the next two how the client's bytes arrive: how many at a
// time and how many one read yields. The fourth chooses how the client leaves and whether the rest is a
// program for Http2Script or what the client sends as it is.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 4) return 0;
  serve({reinterpret_cast<const char*>(data), size});
  return 0;
}
