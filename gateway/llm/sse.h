#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace sluice::llm {

// One event of a server-sent event stream: what stands between two blank lines. The views hold during the
// callback.
struct SseEvent {
  std::string_view event;  // empty: "message"
  std::string_view data;   // several data lines are joined by LF
  std::string_view id;
  // Offsets in the stream, in bytes: from the first byte of the first line to behind the CR or LF of the
  // blank line. The LF of a CRLF that ends the event lies outside, since it may come later.
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  bool has_data = false;   // false: a browser would see no event
  bool has_field = false;  // false: nothing but comments, such as a keep-alive
  bool oversize = false;   // larger than the scanner's limit: event, data and id are left empty
};

// Finds the events of a server-sent event stream (WHATWG HTML, "9.2.6 Interpreting an event stream") in
// chunks cut anywhere, without copying events that lie whole inside a chunk. What a chunk ends in the middle
// of is carried, at most `limit` bytes; an event whose lines are longer than that together is reported as
// oversize, however it was cut. Differs from a browser in that blocks without data are reported too, that
// `retry` is not, and that UTF-8 is not decoded. The event that the stream's end cuts off is never reported.
// Not thread safe; copies are independent.
class SseScanner {
 public:
  static constexpr std::size_t kDefaultLimit = 64 * 1024;

  explicit SseScanner(std::size_t limit = kDefaultLimit) noexcept : limit_(limit) {}

  // Calls on_event(const SseEvent&) for each event that ends in `chunk`. on_event must not throw and must not
  // feed this scanner.
  template <class OnEvent>
  void feed(std::string_view chunk, OnEvent&& on_event) {
    const auto call = [](void* target, const SseEvent& event) {
      (*static_cast<std::remove_reference_t<OnEvent>*>(target))(event);
    };
    scan(chunk, Sink{call, const_cast<void*>(static_cast<const void*>(&on_event))});
  }

  // Bytes held from the allocator between two chunks.
  std::size_t memory() const noexcept;

 private:
  struct Sink {
    void (*call)(void*, const SseEvent&);
    void* target;
  };

  // A field's value: a view of the current chunk as long as that lasts, then a copy.
  class Value {
   public:
    std::string_view view() const noexcept { return held_ ? std::string_view(copy_) : view_; }
    void set(std::string_view value, bool in_chunk);
    void append_line(std::string_view value);
    void hold();
    void clear();
    std::size_t memory() const noexcept;

   private:
    std::string_view view_;
    std::string copy_;
    bool held_ = false;
  };

  void scan(std::string_view chunk, Sink sink);
  const char* skip_start(const char* at, const char* end);
  const char* scan_single(const char* at, const char* end, std::uint64_t offset, Sink sink);
  void carry_line(std::string_view bytes, std::uint64_t begin);
  void line(std::string_view text, bool in_chunk, std::uint64_t begin, std::uint64_t end, Sink sink);
  void field(std::string_view text, bool in_chunk);
  void dispatch(std::uint64_t end, Sink sink);
  void drop_values();

  std::size_t limit_;
  std::uint64_t offset_ = 0;      // in the stream, of the chunk's first byte
  std::uint64_t line_begin_ = 0;  // of the line that is carried
  std::uint64_t begin_ = 0;       // of the block
  std::size_t line_bytes_ = 0;    // of the line that is carried, kept or not
  std::size_t block_bytes_ = 0;   // of the block's complete lines, without their ends; 0: no block is open
  std::string line_;              // the start of a line that the last chunk was cut in
  Value event_;
  Value data_;
  Value id_;
  std::uint8_t bom_bytes_ = 0;
  bool started_ = false;  // past the place where a BOM may stand
  bool skip_lf_ = false;  // the last chunk ended with CR
  bool has_data_ = false;
  bool has_field_ = false;
  bool oversize_ = false;
};

// The end of an OpenAI stream.
inline constexpr std::string_view kSseDone = "data: [DONE]\n\n";

// Appends one event with `data`; line ends within it begin a new data line, as the format demands.
void append_sse_event(std::string_view data, std::string& out);

}  // namespace sluice::llm
