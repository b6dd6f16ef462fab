// A request's body: taken in, read, and edited on its way to the backend.

#include <benchmark/benchmark.h>

#include <string>

#include "gateway/llm/request_edits.h"
#include "gateway/llm/request_view.h"
#include "gateway/llm/splice.h"
#include "perf/micro/messages.h"

namespace sluice::micro {
namespace {

constexpr std::size_t kLimit = std::size_t{16} << 20;

llm::BodyBuffer taken_in(std::string_view text) {
  llm::BodyBuffer body(kLimit);
  (void)body.reserve(text.size());
  (void)body.append(text);
  return body;
}

void parse(benchmark::State& state) {
  const llm::BodyBuffer body = taken_in(chat_body(static_cast<std::size_t>(state.range(0))));
  llm::RequestParser parser;
  for (auto _ : state) {
    auto view = parser.parse(body);
    if (!view) state.SkipWithError("refused");
    benchmark::DoNotOptimize(view);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}
BENCHMARK(parse)->Arg(100)->Arg(4 << 10)->Arg(64 << 10)->Arg(1 << 20);

// With the memory for it, as each request takes it.
void take_in_and_parse(benchmark::State& state) {
  const std::string text = chat_body(static_cast<std::size_t>(state.range(0)));
  llm::RequestParser parser;
  for (auto _ : state) {
    const llm::BodyBuffer body = taken_in(text);
    auto view = parser.parse(body);
    if (!view) state.SkipWithError("refused");
    benchmark::DoNotOptimize(view);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK(take_in_and_parse)->Arg(100)->Arg(4 << 10)->Arg(64 << 10)->Arg(1 << 20);

// Another model's name and the wish for usage, up to the pieces that are sent.
void splice(benchmark::State& state) {
  const llm::BodyBuffer body = taken_in(chat_body(4 << 10));
  llm::RequestParser parser;
  const auto view = parser.parse(body);
  if (!view) return state.SkipWithError("refused");
  for (auto _ : state) {
    llm::Splices splices;
    splices.add(llm::set_model(*view, "llama-3.1-8b-canary"));
    if (auto usage = llm::ask_for_usage(*view)) splices.add(std::move(*usage));
    std::size_t length = splices.total_length(body.view());
    benchmark::DoNotOptimize(length);
    splices.for_each_piece(body.view(), [](std::string_view piece) { benchmark::DoNotOptimize(piece); });
  }
}
BENCHMARK(splice);

}  // namespace
}  // namespace sluice::micro
