#include "gateway/app/otlp_encoding.h"

#include <fmt/format.h>

#include <iterator>
#include <optional>

#include "gateway/base/json_escape.h"

namespace sluice {
namespace {

// Span.SpanKind and Status.StatusCode of opentelemetry/proto/trace/v1/trace.proto.
enum class SpanKind : std::uint8_t { kInternal = 1, kServer = 2 };
constexpr int kStatusError = 2;
// Span.flags: W3C's flags, whether it is known that the parent is remote, whether it is.
constexpr std::uint32_t kFlagSampled = 1;
constexpr std::uint32_t kFlagKnowsRemote = 0x100;
constexpr std::uint32_t kFlagRemoteParent = 0x200;

// The paths that have a meaning whatever the routes are; `operation` is gen_ai.operation.name.
struct Api {
  std::string_view path;
  std::string_view operation;
};
constexpr Api kApis[] = {{"/v1/chat/completions", "chat"},
                         {"/v1/completions", "text_completion"},
                         {"/v1/responses", "chat"},
                         {"/v1/embeddings", "embeddings"},
                         {"/v1/models", ""}};

const Api* api_of(std::string_view path) noexcept {
  for (const Api& api : kApis) {
    if (path == api.path) return &api;
  }
  return nullptr;
}

std::uint64_t nanoseconds(WallTime time) noexcept {
  return static_cast<std::uint64_t>(time.time_since_epoch().count());
}

// SplitMix64's finalizer (Steele et al. 2014): another id for each phase of each span, never 0.
std::uint64_t child_id(std::uint64_t parent, std::uint64_t phase) noexcept {
  std::uint64_t z = parent + phase * 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return (z ^ (z >> 31)) | 1;
}

// A list of KeyValue.
class Attributes {
 public:
  explicit Attributes(std::string& out) : out_(out) { out_ += "\"attributes\":["; }
  ~Attributes() { out_.push_back(']'); }
  Attributes(const Attributes&) = delete;

  void text(std::string_view key, std::string_view value) {
    begin(key, "stringValue");
    out_.push_back('"');
    json_escape(value, out_);
    out_ += "\"}}";
  }
  void text_if(std::string_view key, std::string_view value) {
    if (!value.empty()) text(key, value);
  }
  // 64-bit integers are strings in protobuf's JSON.
  void number(std::string_view key, std::int64_t value) {
    begin(key, "intValue");
    fmt::format_to(std::back_inserter(out_), "\"{}\"}}}}", value);
  }
  void flag(std::string_view key, bool value) {
    begin(key, "boolValue");
    out_ += value ? "true}}" : "false}}";
  }

 private:
  void begin(std::string_view key, std::string_view type) {
    if (!out_.ends_with('[')) out_.push_back(',');
    fmt::format_to(std::back_inserter(out_), R"({{"key":"{}","value":{{"{}":)", key, type);
  }
  std::string& out_;
};

class SpanWriter {
 public:
  SpanWriter(std::string& out, const ExchangeTrace& trace) : out_(out), trace_(trace) {}

  void server_span() {
    const Api* api = api_of(trace_.path);
    std::string title(name(trace_.method));
    if (api != nullptr) title.append(" ").append(api->path);
    begin(trace_.span_id, trace_.parent_span_id, title, SpanKind::kServer, trace_.started_at,
          trace_.ended_at);
    out_.push_back(',');
    attributes(api);
    // The HTTP conventions: a client's mistake is no error of the server's span.
    const bool failed =
        trace_.status >= 500 || (trace_.error && traits(*trace_.error).fault != Fault::kDownstream);
    if (failed) fmt::format_to(std::back_inserter(out_), R"(,"status":{{"code":{}}})", kStatusError);
    out_.push_back('}');
  }

  // Each phase ends where the next one that was reached begins.
  void phases() {
    const std::optional<WallTime> begins[] = {trace_.queued_at, trace_.connecting_at, trace_.waiting_at,
                                              trace_.first_content_at};
    constexpr std::string_view kNames[] = {"queue", "connect", "time_to_first_token", "stream"};
    for (std::size_t i = 0; i < std::size(begins); ++i) {
      if (!begins[i]) continue;
      std::size_t next = i + 1;
      while (next < std::size(begins) && !begins[next])
        ++next;
      const WallTime end = next < std::size(begins) ? *begins[next] : trace_.ended_at;
      out_.push_back(',');
      begin(child_id(trace_.span_id, i + 1), trace_.span_id, kNames[i], SpanKind::kInternal, *begins[i], end);
      out_.push_back('}');
    }
  }

 private:
  void begin(std::uint64_t id, std::uint64_t parent, std::string_view title, SpanKind kind, WallTime from,
             WallTime to) {
    std::uint32_t flags = kFlagKnowsRemote | (trace_.sampled ? kFlagSampled : 0);
    if (kind == SpanKind::kServer && parent != 0) flags |= kFlagRemoteParent;
    const auto out = std::back_inserter(out_);
    fmt::format_to(out, R"({{"traceId":"{}","spanId":"{:016x}",)", trace_.trace_id, id);
    if (parent != 0) fmt::format_to(out, R"("parentSpanId":"{:016x}",)", parent);
    fmt::format_to(out, R"("flags":{},"name":"{}","kind":{},"startTimeUnixNano":"{}","endTimeUnixNano":"{}")",
                   flags, title, static_cast<int>(kind), nanoseconds(from), nanoseconds(to));
  }

  void attributes(const Api* api) {
    Attributes a(out_);
    a.text("http.request.method", name(trace_.method));
    if (api != nullptr) a.text("http.route", api->path);
    a.text("url.scheme", "http");
    a.text("url.path", trace_.path);
    a.number("http.response.status_code", trace_.status);
    if (trace_.protocol.starts_with("HTTP/")) a.text("network.protocol.version", trace_.protocol.substr(5));
    if (trace_.error) {
      a.text("error.type", traits(*trace_.error).name);
    } else if (trace_.status >= 500) {
      a.text("error.type", std::to_string(trace_.status));
    }
    if (api != nullptr && !api->operation.empty()) {
      a.text("gen_ai.operation.name", api->operation);
      a.text("gen_ai.provider.name", "openai");  // whose API it is, as the conventions want it
    }
    a.text_if("gen_ai.request.model", trace_.model);
    if (trace_.usage) {
      a.number("gen_ai.usage.input_tokens", trace_.usage->prompt_tokens);
      a.number("gen_ai.usage.output_tokens", trace_.usage->completion_tokens);
    }
    a.text_if("sluice.route", trace_.route);
    a.text_if("sluice.cluster", trace_.cluster);
    a.text_if("sluice.endpoint", trace_.endpoint);
    a.number("sluice.attempts", trace_.attempts);
    a.flag("sluice.stream", trace_.stream);
  }

  std::string& out_;
  const ExchangeTrace& trace_;
};

}  // namespace

std::string encode_otlp(std::span<const ExchangeTrace> traces, std::string_view service_name,
                        std::string_view version) {
  constexpr std::size_t kUsualBytes = 2560;  // of an exchange's five spans
  std::string out;
  out.reserve(256 + traces.size() * kUsualBytes);
  out += R"({"resourceSpans":[{"resource":{)";
  {
    Attributes resource(out);
    resource.text("service.name", service_name);
    resource.text("service.version", version);
  }
  fmt::format_to(std::back_inserter(out),
                 R"(}},"scopeSpans":[{{"scope":{{"name":"sluice","version":"{}"}},"spans":[)", version);
  for (const ExchangeTrace& trace : traces) {
    if (!out.ends_with('[')) out.push_back(',');
    SpanWriter span(out, trace);
    span.server_span();
    span.phases();
  }
  out += "]}]}]}";
  return out;
}

}  // namespace sluice
