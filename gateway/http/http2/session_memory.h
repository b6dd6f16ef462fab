#pragma once

#include <nghttp2/nghttp2.h>

namespace sluice::http2 {

// What sessions allocate from: the pool of coroutine frames, which keeps small pieces for the next stream (8
// of them for each request). For every session of a thread; lives as long as the program.
nghttp2_mem* session_memory() noexcept;

}  // namespace sluice::http2
