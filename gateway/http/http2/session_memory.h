#pragma once

#include <nghttp2/nghttp2.h>

namespace sluice::http2 {

// What sessions allocate from: a score of small pieces for each stream, which the pool of coroutine frames
// hands out for a tenth of the heap's price. For every session of a thread; lives as long as the program.
nghttp2_mem* session_memory() noexcept;

}  // namespace sluice::http2
