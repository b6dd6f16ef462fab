#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gateway/http/stream.h"

namespace sluice::test {

// A request as a codec let it in: what the filters see of it.
struct NotedRequest {
  std::string method;
  std::string target;
  std::string authority;
  std::vector<std::pair<std::string, std::string>> fields;
  std::optional<std::uint64_t> length;
  std::string body;    // what was read of it
  bool whole = false;  // nothing more of the body comes
  std::string trailers;
};

// In front of another handler: notes what it is given.
class NotingHandler final : public StreamHandler {
 public:
  // `where` tells where a request is noted; that place outlives its task.
  using Where = std::function<NotedRequest&(const RequestHead&)>;
  NotingHandler(StreamHandler& inner, Where where) : inner_(inner), where_(std::move(where)) {}

  Task<Result<void>> serve(ServerStream& stream) override {
    NotedRequest& noted = where_(stream.head);
    const RequestHead& head = stream.head;
    noted.method = name(head.method);
    noted.target = std::string(head.path()).append(head.query());
    noted.authority = head.authority();
    for (std::size_t i = 0; i < head.headers.size(); ++i)
      noted.fields.emplace_back(head.headers[i].name, head.headers[i].value);
    noted.length = stream.body.length();
    // Nobody has to read what is known to be empty.
    noted.whole = noted.length == 0;
    Body body(stream.body, noted);
    ServerStream shown{stream.head,      body,
                       stream.client,    stream.peer,
                       stream.protocol,  stream.received_at,
                       stream.canceller, stream.trusted_proxies,
                       stream.tls,       stream.forward_client_certificate};
    const Result<void> outcome = co_await inner_.serve(shown);
    co_return outcome;
  }
  Task<Result<void>> refuse(RefusedRequest refused) override { return inner_.refuse(refused); }

 private:
  class Body final : public BodyReader {
   public:
    Body(BodyReader& inner, NotedRequest& noted) noexcept : inner_(inner), noted_(noted) {}

    Task<Result<BodyPiece>> read() override {
      Result<BodyPiece> piece = co_await inner_.read();
      if (piece) noted_.body += piece->bytes;
      if (piece && piece->last) {
        noted_.whole = true;
        noted_.trailers.clear();
        if (inner_.trailers() != nullptr) inner_.trailers()->append_to(noted_.trailers);
      }
      co_return piece;
    }
    std::optional<std::uint64_t> length() const noexcept override { return inner_.length(); }
    std::uint64_t limit() const noexcept override { return inner_.limit(); }
    void set_limit(std::uint64_t max_bytes) noexcept override { inner_.set_limit(max_bytes); }
    const Headers* trailers() const noexcept override { return inner_.trailers(); }

   private:
    BodyReader& inner_;
    NotedRequest& noted_;
  };

  StreamHandler& inner_;
  Where where_;
};

}  // namespace sluice::test
