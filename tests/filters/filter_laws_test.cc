// The laws that hold for every filter, one suite over all of them.

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include "filters/body_view/body_view_filter.h"
#include "filters/deadline/deadline_filter.h"
#include "filters/record/record_filter.h"
#include "filters/request_edit/request_edit_filter.h"
#include "filters/response_edit/response_edit_filter.h"
#include "filters/retry/retry_filter.h"
#include "filters/target_choice/target_choice_filter.h"
#include "filters/upstream_call/upstream_call_filter.h"
#include "filters/usage/usage_filter.h"
#include "tests/filters/exchange_rig.h"

namespace sluice::test {
namespace {

using Inner = std::function<Task<Result<void>>(ResponseWriter&)>;

struct Services {
  Loop& loop;
  RecordSink& sink;
  Metrics& metrics;
};

ExchangeScript as_exchange_script(const Inner& inner) {
  return [inner](Exchange&, ResponseWriter& out) { return inner(out); };
}
ScriptedFilter<Call>::Script as_call_script(const Inner& inner) {
  return [inner](Call&, ResponseWriter& out) { return inner(out); };
}

// How a filter is put in front of what the test does in place of everything further in.
struct FilterCase {
  const char* name;
  std::function<ExchangeChain(const Services&, const Inner&)> build;
};
std::ostream& operator<<(std::ostream& out, const FilterCase& c) {
  return out << c.name;
}

const FilterCase kFilters[] = {
    {"record",
     [](const Services& s, const Inner& inner) {
       return chain_of<Exchange>(std::make_unique<RecordFilter>(s.loop, s.sink), as_exchange_script(inner));
     }},
    {"deadline",
     [](const Services& s, const Inner& inner) {
       return chain_of<Exchange>(std::make_unique<DeadlineFilter>(s.loop), as_exchange_script(inner));
     }},
    // The rest of a body view's chain is the route's, which the test makes of `inner` too.
    {"body_view",
     [](const Services&, const Inner& inner) {
       return chain_of<Exchange>(std::make_unique<BodyViewFilter>(), as_exchange_script(inner));
     }},
    {"target_choice",
     [](const Services&, const Inner& inner) {
       return chain_of<Exchange>(std::make_unique<TargetChoiceFilter>(
                                     std::vector<WeightedTarget>{{.cluster = nullptr, .name = "models"}}),
                                 as_exchange_script(inner));
     }},
    {"request_edit",
     [](const Services&, const Inner& inner) {
       RequestEdits edits{.host = "another", .headers = {.set = {{"x", "y"}}}};
       return chain_of<Exchange>(std::make_unique<RequestEditFilter>(std::move(edits)),
                                 as_exchange_script(inner));
     }},
    {"response_edit",
     [](const Services&, const Inner& inner) {
       HeaderEdits edits{.remove = {"server"}, .set = {{"x-edited", "1"}}};
       return chain_of<Exchange>(std::make_unique<ResponseEditFilter>(std::move(edits)),
                                 as_exchange_script(inner));
     }},
    {"usage",
     [](const Services& s, const Inner& inner) {
       return chain_of<Exchange>(std::make_unique<UsageFilter>(s.loop, UsageFilter::GapHistograms{}),
                                 as_exchange_script(inner));
     }},
    {"upstream_call",
     [](const Services&, const Inner& inner) {
       return chain_of<Exchange>(
           std::make_unique<UpstreamCallFilter>(chain_of<Call>(nullptr, as_call_script(inner))),
           as_exchange_script(inner));
     }},
    {"retry",
     [](const Services& s, const Inner& inner) {
       CallChain calls = chain_of<Call>(
           std::make_unique<RetryFilter>(3u, s.metrics.counter("retries_total", "")), as_call_script(inner));
       return chain_of<Exchange>(std::make_unique<UpstreamCallFilter>(std::move(calls)),
                                 as_exchange_script(inner));
     }},
};

using namespace std::string_view_literals;
constexpr std::string_view kBinary = "\0\r\n\r\n\xff\xfe data: \n"sv;
constexpr std::string_view kEvents = "data: {\"choices\":[{\"delta\":{\"content\":\"caf\xc3\xa9\"}}]}\n\n";

class FilterLawsTest : public ::testing::TestWithParam<FilterCase> {
 protected:
  // An answer of eight operations with every kind of byte in it.
  static constexpr std::size_t kOperations = 8;
  Task<Result<void>> whole_answer(ResponseWriter& out) {
    const Alive alive(running_);
    ResponseHead head = answer_head(content_type_);
    head.headers.add("x-backend", "1");
    Headers trailers;
    trailers.add("x-trailer", "2");
    reached_ = 0;
    Result<void> ok = co_await out.start(std::move(head));
    if (ok && ++reached_) ok = co_await out.flush();
    if (ok && ++reached_) ok = co_await out.write("data: {\"usa");
    if (ok && ++reached_) ok = co_await out.write("ge\":null}\n\n");
    if (ok && ++reached_) co_await next_turn(t_.loop);
    if (ok) ok = co_await out.write(kEvents);
    if (ok && ++reached_) ok = co_await out.write(kBinary);
    if (ok && ++reached_) ok = co_await out.flush();
    if (ok && ++reached_) ok = co_await out.finish("the end", &trailers);
    if (ok) ++reached_;
    co_return ok;
  }

  std::unique_ptr<ExchangeRig> rig(const Inner& inner) {
    return std::make_unique<ExchangeRig>(t_, one_route(as_exchange_script(inner)),
                                         request_head(Method::kPost, "/v1/x"),
                                         std::vector<std::string>{"some", "body"});
  }
  ExchangeChain chain(const Inner& inner) { return GetParam().build({t_.loop, sink_, metrics_}, inner); }
  // Nothing is left that could run, whatever time passes.
  void expect_nothing_left() {
    EXPECT_EQ(running_, 0);
    t_.advance(std::chrono::hours(1));
    EXPECT_EQ(t_.turn(), 0u);
    EXPECT_EQ(t_.loop.buffers().blocks_in_use(), 0u);
  }

  TestLoop t_;
  Metrics metrics_;
  RecordSink sink_;
  std::string_view content_type_ = "text/event-stream";
  int running_ = 0;
  std::size_t reached_ = 0;  // operations that the inner side completed
};

TEST_P(FilterLawsTest, BytesPassUnchangedAndInTheSamePieces) {
  for (const std::string_view type : {"text/event-stream", "application/json", "image/png"}) {
    content_type_ = type;
    const Inner inner = [this](ResponseWriter& out) { return whole_answer(out); };
    const ExchangeChain filters = chain(inner);
    auto r = rig(inner);
    r->run(filters);
    t_.turn();
    ASSERT_TRUE(r->finished() && r->outcome());
    EXPECT_EQ(r->client.status(), 200);
    EXPECT_EQ(r->client.head().headers.get("x-backend"), "1");
    EXPECT_EQ(r->client.head().headers.get(HeaderId::kContentType), type);
    const std::vector<std::string> expected{"data: {\"usa", "ge\":null}\n\n", std::string(kEvents),
                                            std::string(kBinary), "the end"};
    EXPECT_EQ(r->client.writes(), expected);
    EXPECT_EQ(r->client.operations(), kOperations);
    ASSERT_TRUE(r->client.trailers());
    EXPECT_EQ(r->client.trailers()->get("x-trailer"), "2");
  }
}

// Whoever reads an answer reads no more of it than that.
TEST_P(FilterLawsTest, TheClientsRoomIsSeenThroughIt) {
  const Inner inner = [](ResponseWriter& out) -> Task<Result<void>> {
    EXPECT_EQ(out.room(), 1234u);
    (void)co_await out.start(answer_head("text/event-stream"));
    EXPECT_EQ(out.room(), 1234u);
    co_return co_await out.finish("end");
  };
  const ExchangeChain filters = chain(inner);
  auto r = rig(inner);
  r->client.set_room(1234);
  r->run(filters);
  EXPECT_TRUE(r->finished() && r->outcome());
}

TEST_P(FilterLawsTest, AnAnswerNeverStartsTwice) {
  for (int kind = 0; kind < kErrorKindCount; ++kind) {
    for (const Retriable retriable : {Retriable::kNever, Retriable::kAlways, Retriable::kReused}) {
      for (const int progress : {0, 1, 2}) {
        const Error error{static_cast<ErrorKind>(kind), "no", retriable};
        const Inner inner = [&](ResponseWriter& out) -> Task<Result<void>> {
          if (progress > 0) (void)co_await out.start(answer_head("text/event-stream"));
          if (progress > 1) (void)co_await out.write("data: x\n\n");
          co_return fail(error);
        };
        const ExchangeChain filters = chain(inner);
        auto r = rig(inner);
        r->run(filters);
        t_.turn();
        ASSERT_TRUE(r->finished());
        EXPECT_LE(r->client.starts(), 1) << kind;
        EXPECT_LE(r->client.finishes(), 1) << kind;
        // Cut, not ended as if it were whole.
        if (progress > 0) EXPECT_FALSE(r->outcome()) << kind;
        if (progress > 0) EXPECT_EQ(r->client.finishes(), 0) << kind;
      }
    }
  }
}

TEST_P(FilterLawsTest, CancelledWhileTheClientTakesNothingItLeaksNothing) {
  for (std::size_t operation = 1; operation <= kOperations; ++operation) {
    const Inner inner = [this](ResponseWriter& out) { return whole_answer(out); };
    const ExchangeChain filters = chain(inner);
    auto r = rig(inner);
    r->client.stall_at(operation);
    r->run(filters);
    t_.turn();
    ASSERT_TRUE(r->client.stalled()) << operation;
    EXPECT_EQ(running_, 1);
    r->cancel();
    expect_nothing_left();
  }
}

TEST_P(FilterLawsTest, CancelledAtAnyHandlerItLeaksNothing) {
  for (int handlers = 0;; ++handlers) {
    Signal backend(t_.loop);
    const Inner inner = [&](ResponseWriter& out) -> Task<Result<void>> {
      const Alive alive(running_);
      co_await next_turn(t_.loop);
      const bool answered = co_await backend.wait(t_.loop.now() + std::chrono::seconds(1));
      if (!answered) co_return fail(ErrorKind::kUpstreamTimeout, "slow");
      co_await next_turn(t_.loop);
      co_return co_await answer_ok(out);
    };
    const ExchangeChain filters = chain(inner);
    auto r = rig(inner);
    r->body_reader.stall_before(1);
    r->run(filters);
    int ran = 0;
    while (ran < handlers && !r->finished()) {
      r->body_reader.release();
      backend.notify_all();
      if (!t_.step()) break;
      ++ran;
    }
    const bool whole = r->finished();
    r->cancel();
    expect_nothing_left();
    if (whole) break;
    ASSERT_LT(handlers, 100);
  }
}

TEST_P(FilterLawsTest, AnErrorOfTheWriterStopsTheUpstreamAtOnce) {
  for (std::size_t operation = 1; operation <= kOperations; ++operation) {
    int calls = 0;
    const Inner inner = [&](ResponseWriter& out) {
      ++calls;
      return whole_answer(out);
    };
    const ExchangeChain filters = chain(inner);
    auto r = rig(inner);
    r->client.fail_at(operation);
    r->run(filters);
    t_.turn();
    ASSERT_TRUE(r->finished());
    EXPECT_EQ(r->error(), ErrorKind::kClientGone);
    EXPECT_EQ(reached_, operation - 1) << "the inner side went on";
    EXPECT_EQ(calls, 1) << "a client that left is not served again";
    // An error event may be tried once; the writer's errors are final.
    EXPECT_LE(r->client.after_failure(), 1u);
    expect_nothing_left();
  }
}

INSTANTIATE_TEST_SUITE_P(AllFilters, FilterLawsTest, ::testing::ValuesIn(kFilters),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace sluice::test
