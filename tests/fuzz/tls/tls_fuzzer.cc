#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string_view>

#include "gateway/net/memory_transport.h"
#include "gateway/net/tls_transport.h"
#include "gateway/runtime/child.h"
#include "tests/support/certificates.h"

namespace {

using namespace sluice;
using Outcome = std::optional<TlsRefusal>;

void expect(bool condition) {
  if (!condition) std::abort();
}

std::shared_ptr<const TlsServerContext> server_context(bool with_client_certificates) {
  TlsServerOptions options;
  options.key_pairs = {test_pair("site-ec"), test_pair("site-rsa"), test_pair("shop-ec")};
  options.alpn = {"h2", "http/1.1"};
  if (with_client_certificates) {
    options.client_certificates = TlsServerOptions::ClientCertificates::kOptional;
    options.client_authorities = test_certificates("ca");
  }
  return test_server(options);
}

std::shared_ptr<const TlsClientContext> client_context() {
  TlsClientOptions options;
  options.authorities = test_certificates("ca");
  return test_client(options);
}

void feed(MemoryTransport& wire, Loop& loop, std::string_view bytes, std::size_t step) {
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, step);
    const IoResult r = wire.try_write({&piece, 1});
    if (r.status != IoResult::Status::kOk) return;
    bytes.remove_prefix(r.bytes);
    loop.poll();
  }
}

// A handshake that the bytes are the other side of. It ends with them.
void hand_shake(TlsTransport& ours, MemoryTransport& wire, Loop& loop, ManualTime& time,
                std::string_view bytes, std::size_t step) {
  Child<Outcome> child(loop, ours.handshake(loop.now() + std::chrono::seconds(10)));
  feed(wire, loop, bytes, step);
  time.advance(std::chrono::seconds(11));
  loop.expire();
  loop.poll();
  expect(child.finished());
  // The bytes know no secret of the handshake, so none of them ends one.
  expect(child.result()->has_value());
  expect(ours.tls() == nullptr);
  char buffer[16];
  expect(ours.try_read(buffer).status == IoResult::Status::kBroken);
}

Task<std::size_t> read_all(TlsTransport& ours) {
  std::size_t total = 0;
  char buffer[1000];
  for (;;) {
    const IoResult r = ours.try_read(buffer);
    if (r.status == IoResult::Status::kEnd || r.status == IoResult::Status::kBroken) co_return total;
    total += r.bytes;
    if (r.status != IoResult::Status::kWouldBlock) continue;
    const bool in_time = co_await ours.readable(kNever);
    if (!in_time) co_return total;
  }
}

}  // namespace

// The first byte chooses whom the bytes are sent to (a server that shakes hands, with and without client
// certificates, a client that does, a server whose handshake is over), the next two how they arrive: how many
// at a time and how many one read yields.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  static const auto plain = server_context(false);
  static const auto with_certificates = server_context(true);
  static const auto client = client_context();
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 3, size - 3);
  const std::size_t step = data[1] == 0 ? bytes.size() + 1 : data[1];
  ManualTime time;
  Loop loop(time, 1);
  {
    auto [near, far] = MemoryTransport::pair(loop);
    MemoryTransport& ours = *far;
    const auto sessions = std::make_shared<TlsSessionCache>();
    if ((data[0] & 3) == 3) {
      MemoryTransport& wire = *near;
      auto theirs = TlsTransport::client(std::move(near), client, "site.test", sessions, "server");
      auto server = TlsTransport::server(std::move(far), plain);
      {
        Child<Outcome> a(loop, theirs->handshake(kNever));
        Child<Outcome> b(loop, server->handshake(kNever));
        loop.poll();
        expect(a.finished() && b.finished() && !*b.result());
      }
      if (data[2] != 0) ours.limit_reads(data[2]);
      Child<std::size_t> reader(loop, read_all(*server));
      feed(wire, loop, bytes, step);
      wire.close();
      loop.poll();
      expect(reader.finished());
      // Nothing that was not encrypted by the client is read.
      expect(*reader.result() == 0);
    } else {
      if (data[2] != 0) ours.limit_reads(data[2]);
      const auto tested =
          (data[0] & 3) == 2
              ? TlsTransport::client(std::move(far), client, "site.test", sessions, "server")
              : TlsTransport::server(std::move(far), (data[0] & 1) ? with_certificates : plain);
      hand_shake(*tested, *near, loop, time, bytes, step);
    }
    loop.poll();
  }
  loop.poll();
  expect(loop.buffers().blocks_in_use() == 0);
  return 0;
}
