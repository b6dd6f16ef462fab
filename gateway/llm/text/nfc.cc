#include "gateway/llm/text/nfc.h"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>

#include <algorithm>
#include <climits>

namespace sluice::text {

Result<std::string> to_nfc(std::string_view text) {
  if (std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; })) {
    return std::string(text);
  }
  if (text.size() > INT_MAX) return fail(ErrorKind::kBodyTooLarge, "text is too long to normalize");
  UErrorCode status = U_ZERO_ERROR;
  std::string normalized;
  const icu::Normalizer2* nfc = icu::Normalizer2::getNFCInstance(status);
  if (U_SUCCESS(status)) {
    icu::StringByteSink<std::string> sink(&normalized);
    nfc->normalizeUTF8(0, icu::StringPiece(text.data(), static_cast<int>(text.size())), sink, nullptr,
                       status);
  }
  if (U_FAILURE(status)) return fail(ErrorKind::kInternal, std::string("NFC: ") + u_errorName(status));
  return normalized;
}

}  // namespace sluice::text
