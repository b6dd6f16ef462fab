#pragma once

#include <string_view>

namespace sluice::config {

// What a text must look like. `pattern` says the same to the JSON Schema as `accepts` does to the reader; a
// test holds the two together.
struct TextRule {
  std::string_view requirement;  // the end of a sentence: `must start with /`
  std::string_view pattern;      // ECMA 262, as JSON Schema has it
  bool (*accepts)(std::string_view text);
};

// Where nothing else is said. Control characters are refused everywhere: texts end up in logs and headers.
extern const TextRule kAnyText;

// Becomes a metric label and an access-log value.
extern const TextRule kNameText;

extern const TextRule kPathText;         // of a URL, without query
extern const TextRule kMethodText;       // of HTTP
extern const TextRule kFieldNameText;    // of an HTTP header, cookie or query parameter
extern const TextRule kHostPatternText;  // a host name, or `*.` and the end of one
extern const TextRule kDnsNameText;
extern const TextRule kHostText;  // a host name or an IP address without brackets
extern const TextRule kSchemeText;
extern const TextRule kAuthorityText;  // a host, perhaps with a port
extern const TextRule kHttpUrlText;    // `http://HOST:PORT`, perhaps with a path
extern const TextRule kModelText;      // the name of a model, as requests spell it

}  // namespace sluice::config
