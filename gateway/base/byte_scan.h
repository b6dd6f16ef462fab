#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace sluice {

// Searches that memchr cannot do in one pass: the first byte in [begin, end) of a small set, `end` if there
// is none. SSE2 belongs to every x86-64, so nothing is chosen at run time. 200 bytes take about 8 ns.

#if defined(__SSE2__)
namespace detail {

// 4 to 15 bytes as one block: two loads that overlap. Most of what is searched in a head or a log line is so
// short.
template <class Match>
const char* find_byte_in_short(const char* begin, const char* end, Match match) noexcept {
  const std::ptrdiff_t half = end - begin >= 8 ? 8 : 4;
  __m128i block;
  if (half == 8) {
    block = _mm_unpacklo_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(begin)),
                               _mm_loadl_epi64(reinterpret_cast<const __m128i*>(end - 8)));
  } else {
    std::int32_t first = 0;
    std::int32_t last = 0;
    std::memcpy(&first, begin, 4);
    std::memcpy(&last, end - 4, 4);
    block = _mm_unpacklo_epi32(_mm_cvtsi32_si128(first), _mm_cvtsi32_si128(last));
  }
  const std::uint32_t halves = (1u << 2 * half) - 1;
  const auto mask = static_cast<std::uint32_t>(_mm_movemask_epi8(match(block))) & halves;
  if (mask == 0) return end;
  const std::ptrdiff_t at = std::countr_zero(mask);
  return at < half ? begin + at : end - 2 * half + at;
}

// `match` returns 0xff for each byte of a block that is looked for, `scalar` says the same of one byte.
template <class Match, class Scalar>
const char* find_byte(const char* begin, const char* end, Match match, Scalar scalar) noexcept {
  constexpr std::ptrdiff_t kBlock = sizeof(__m128i);
  const auto load = [](const char* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); };
  const bool has_block = end - begin >= kBlock;
  for (; end - begin >= 2 * kBlock; begin += 2 * kBlock) {
    const __m128i first = match(load(begin));
    const __m128i second = match(load(begin + kBlock));
    const auto mask = static_cast<std::uint32_t>(_mm_movemask_epi8(first)) |
                      static_cast<std::uint32_t>(_mm_movemask_epi8(second)) << 16;
    if (mask != 0) return begin + std::countr_zero(mask);
  }
  if (end - begin >= kBlock) {
    const auto mask = static_cast<std::uint32_t>(_mm_movemask_epi8(match(load(begin))));
    if (mask != 0) return begin + std::countr_zero(mask);
    begin += kBlock;
  }
  if (has_block) {
    // What is left lies in one block with bytes that were looked at.
    const auto mask = static_cast<std::uint32_t>(_mm_movemask_epi8(match(load(end - kBlock))));
    return mask != 0 ? end - kBlock + std::countr_zero(mask) : end;
  }
  if (end - begin >= 4) return find_byte_in_short(begin, end, match);
  while (begin != end && !scalar(*begin))
    ++begin;
  return begin;
}

}  // namespace detail
#endif

inline const char* find_either(const char* begin, const char* end, char a, char b) noexcept {
  const auto scalar = [a, b](char c) { return c == a || c == b; };
#if defined(__SSE2__)
  const __m128i as = _mm_set1_epi8(a);
  const __m128i bs = _mm_set1_epi8(b);
  return detail::find_byte(
      begin, end, [&](__m128i v) { return _mm_or_si128(_mm_cmpeq_epi8(v, as), _mm_cmpeq_epi8(v, bs)); },
      scalar);
#else
  return std::find_if(begin, end, scalar);
#endif
}

// A control character (RFC 9110 5.5: of C0 but HTAB, or DEL) that no field of HTTP may have.
inline const char* find_control(const char* begin, const char* end) noexcept {
  const auto scalar = [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return (u < 0x20 && u != '\t') || u == 0x7f;
  };
#if defined(__SSE2__)
  const __m128i last_control = _mm_set1_epi8(0x1f);
  const __m128i tab = _mm_set1_epi8('\t');
  const __m128i del = _mm_set1_epi8(0x7f);
  const auto match = [&](__m128i v) {
    const __m128i c0 = _mm_cmpeq_epi8(_mm_min_epu8(v, last_control), v);
    return _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(v, tab), c0), _mm_cmpeq_epi8(v, del));
  };
  return detail::find_byte(begin, end, match, scalar);
#else
  return std::find_if(begin, end, scalar);
#endif
}

// What does not stand for itself inside a JSON string of ASCII: '"', '\\', controls, DEL, bytes above ASCII.
inline const char* find_json_special(const char* begin, const char* end) noexcept {
  const auto scalar = [](char c) {
    return static_cast<signed char>(c) < 0x20 || c == 0x7f || c == '"' || c == '\\';
  };
#if defined(__SSE2__)
  const __m128i space = _mm_set1_epi8(0x20);
  const __m128i del = _mm_set1_epi8(0x7f);
  const __m128i quote = _mm_set1_epi8('"');
  const __m128i backslash = _mm_set1_epi8('\\');
  const auto match = [&](__m128i v) {
    // Compared as signed bytes: those above ASCII are below a space too.
    return _mm_or_si128(_mm_or_si128(_mm_cmplt_epi8(v, space), _mm_cmpeq_epi8(v, del)),
                        _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash)));
  };
  return detail::find_byte(begin, end, match, scalar);
#else
  return std::find_if(begin, end, scalar);
#endif
}

// A bit for each of the 16 bytes that is a bracket of either kind, a quote, a backslash or '|': the five
// between '{' and '}' once bit 5 is set, in which brackets and braces differ, are one comparison.
inline std::uint32_t json_marks(const char* block) noexcept {
#if defined(__SSE2__)
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block));
  const __m128i from_brace = _mm_sub_epi8(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), _mm_set1_epi8('{'));
  const __m128i bracket = _mm_cmpeq_epi8(_mm_min_epu8(from_brace, _mm_set1_epi8(2)), from_brace);
  const __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
  return static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_or_si128(bracket, quote)));
#else
  std::uint32_t marks = 0;
  for (unsigned i = 0; i < 16; ++i) {
    const char c = block[i];
    if (c == '"' || ((c | 0x20) >= '{' && (c | 0x20) <= '}')) marks |= 1u << i;
  }
  return marks;
#endif
}

// A quote with 'u' or 'e' behind it, where the name "usage" or "error" may begin.
inline const char* find_name_quote(const char* begin, const char* end) noexcept {
  if (begin == end) return end;
  const char* const last = end - 1;  // a quote there has nothing behind it
  const auto scalar = [](const char* p) { return p[0] == '"' && (p[1] == 'u' || p[1] == 'e'); };
#if defined(__SSE2__)
  const __m128i quote = _mm_set1_epi8('"');
  const __m128i u = _mm_set1_epi8('u');
  const __m128i e = _mm_set1_epi8('e');
  for (; last - begin >= 16; begin += 16) {
    const __m128i first = _mm_loadu_si128(reinterpret_cast<const __m128i*>(begin));
    const __m128i second = _mm_loadu_si128(reinterpret_cast<const __m128i*>(begin + 1));
    const __m128i named = _mm_or_si128(_mm_cmpeq_epi8(second, u), _mm_cmpeq_epi8(second, e));
    const auto mask =
        static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_and_si128(_mm_cmpeq_epi8(first, quote), named)));
    if (mask != 0) return begin + std::countr_zero(mask);
  }
#endif
  while (begin != last && !scalar(begin))
    ++begin;
  return begin == last ? end : begin;
}

}  // namespace sluice
