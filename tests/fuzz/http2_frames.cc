#include "tests/fuzz/http2_frames.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>

#include "tests/fuzz/request_oracle.h"

namespace sluice::fuzz {

ServerFrames::ServerFrames() {
  expect(nghttp2_hd_inflate_new(&inflater_) == 0);
  streams_[0].given = 65535;
}

ServerFrames::~ServerFrames() {
  nghttp2_hd_inflate_del(inflater_);
}

void ServerFrames::sent_by_client(std::string_view bytes) {
  from_client_.feed(bytes, [this](const FrameReader::Frame& frame) { on_client_frame(frame); });
}

void ServerFrames::sent_by_server(std::string_view bytes) {
  from_server_.feed(bytes, [this](const FrameReader::Frame& frame) { on_server_frame(frame); });
}

void ServerFrames::on_client_frame(const FrameReader::Frame& frame) {
  if (frame.type == NGHTTP2_WINDOW_UPDATE) {
    streams_[frame.stream].given += FrameReader::number(frame.payload, 4) & 0x7fffffff;
  } else if (frame.type == NGHTTP2_SETTINGS && (frame.flags & NGHTTP2_FLAG_ACK) == 0) {
    for (std::size_t at = 0; at + 6 <= frame.payload.size(); at += 6) {
      if (FrameReader::number(frame.payload.substr(at), 2) != NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE) continue;
      largest_initial_window_ = std::max<std::int64_t>(largest_initial_window_,
                                                       FrameReader::number(frame.payload.substr(at + 2), 4));
    }
  }
}

void ServerFrames::on_server_frame(const FrameReader::Frame& frame) {
  expect(frame.payload.size() <= 16 * 1024);
  expect((block_of_ != 0) == (frame.type == NGHTTP2_CONTINUATION));
  const bool ends = (frame.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  switch (frame.type) {
    case NGHTTP2_HEADERS:
      expect(frame.stream % 2 == 1 && !streams_[frame.stream].over);
      expect((frame.flags & (NGHTTP2_FLAG_PADDED | NGHTTP2_FLAG_PRIORITY)) == 0);
      block_ends_stream_ = ends;
      block_.clear();
      on_block(frame);
      break;
    case NGHTTP2_CONTINUATION:
      expect(frame.stream == block_of_);
      on_block(frame);
      break;
    case NGHTTP2_DATA: {
      Stream& stream = streams_[frame.stream];
      expect(frame.stream % 2 == 1 && stream.answered && !stream.over);
      const auto size = static_cast<std::int64_t>(frame.payload.size());
      stream.taken += size;
      streams_[0].taken += size;
      expect(size == 0 || stream.taken <= largest_initial_window_ + stream.given);
      expect(size == 0 || streams_[0].taken <= streams_[0].given);
      stream.over = ends;
      break;
    }
    case NGHTTP2_RST_STREAM:
      expect(frame.stream % 2 == 1 && frame.payload.size() == 4);
      streams_[frame.stream].over = true;
      break;
    case NGHTTP2_SETTINGS:
      expect(frame.stream == 0 && frame.payload.size() % 6 == 0);
      break;
    case NGHTTP2_PING:
      expect(frame.stream == 0 && frame.payload.size() == 8);
      break;
    case NGHTTP2_GOAWAY:
      expect(frame.stream == 0 && frame.payload.size() >= 8);
      break;
    case NGHTTP2_WINDOW_UPDATE:
      expect(frame.payload.size() == 4 && FrameReader::number(frame.payload, 4) != 0);
      break;
    default:
      expect(false);
  }
}

void ServerFrames::on_block(const FrameReader::Frame& frame) {
  block_.append(frame.payload);
  block_of_ = frame.stream;
  if ((frame.flags & NGHTTP2_FLAG_END_HEADERS) == 0) return;
  block_of_ = 0;
  std::string_view left = block_;
  for (;;) {
    nghttp2_nv field;
    int flags = 0;
    const ssize_t used = nghttp2_hd_inflate_hd2(
        inflater_, &field, &flags, reinterpret_cast<const std::uint8_t*>(left.data()), left.size(), 1);
    expect(used >= 0);
    left.remove_prefix(static_cast<std::size_t>(used));
    if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
    expect((flags & NGHTTP2_HD_INFLATE_EMIT) != 0);
    const std::string_view name(reinterpret_cast<const char*>(field.name), field.namelen);
    const std::string_view value(reinterpret_cast<const char*>(field.value), field.valuelen);
    expect(!name.empty() && is_one_line(name) && is_one_line(value));
    expect(std::ranges::none_of(name, [](char c) { return c >= 'A' && c <= 'Z'; }));
    if (name == ":status" && !value.starts_with('1')) streams_[frame.stream].answered = true;
  }
  nghttp2_hd_inflate_end_headers(inflater_);
  streams_[frame.stream].over = block_ends_stream_;
}

}  // namespace sluice::fuzz
