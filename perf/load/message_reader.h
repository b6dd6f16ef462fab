#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::load {

// Reads the HTTP/1.1 messages of one connection, one after the other, and is no judge of them beyond their
// framing: the gateway's own parser is what is under test. An answer without a length ends with its
// connection, which is an error here.
class MessageReader {
 public:
  // What is told of a message, in this order. Texts last for the call. Answers with a status of 1xx are not
  // told.
  class Sink {
   public:
    virtual void head(std::string_view start_line) = 0;
    virtual void content(std::string_view bytes) = 0;
    virtual void end() = 0;

   protected:
    ~Sink() = default;
  };
  enum class Kind { kRequests, kAnswers };

  explicit MessageReader(Kind kind) : kind_(kind) {}

  // False where the bytes are no HTTP or have no length; nothing can be read from then on.
  bool take(std::string_view bytes, Sink& sink);

  // No message has begun.
  bool between() const noexcept { return state_ == State::kHead && head_.empty(); }

 private:
  enum class State { kHead, kLength, kChunkSize, kChunk, kChunkEnd, kTrailers, kBroken };

  bool take_head(std::string_view& bytes, Sink& sink);
  bool begin(std::string_view head, Sink& sink);
  void take_content(std::string_view& bytes, Sink& sink);
  bool take_chunk_size(std::string_view& bytes);
  void take_trailers(std::string_view& bytes, Sink& sink);
  void finish(Sink& sink);

  Kind kind_;
  State state_ = State::kHead;
  bool interim_ = false;
  std::string head_;             // of a head that came in pieces
  std::uint64_t left_ = 0;       // of the content, or of the chunk
  bool size_ended_ = false;      // behind a chunk size's digits
  std::size_t line_length_ = 0;  // of the trailer line that is being read
};

}  // namespace sluice::load
