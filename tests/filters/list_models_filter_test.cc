#include "filters/list_models/list_models_filter.h"

#include <gtest/gtest.h>

#include <map>

#include "gateway/llm/model_list.h"
#include "gateway/proxy/call.h"
#include "tests/filters/exchange_rig.h"

namespace sluice::test {
namespace {

// A filter over two clusters that exist by their addresses alone: the script answers for them.
class ListModelsFilterTest : public ::testing::Test {
 protected:
  ListModelsFilterTest() {
    CallChain fetch =
        chain_of<Call>(nullptr, [this](Call& call, ResponseWriter& out) { return backend(call, out); });
    chain_ = chain_of<Exchange>(
        std::make_unique<ListModelsFilter>(t_.loop, std::move(fetch), std::vector{cluster(0), cluster(1)},
                                           std::vector<std::string>{"alias"}),
        [](Exchange&, ResponseWriter& out) { return answer_ok(out); });
  }

  static UpstreamCluster* cluster(std::size_t i) {
    static char places[2];
    return reinterpret_cast<UpstreamCluster*>(&places[i]);
  }
  Task<Result<void>> backend(Call& call, ResponseWriter& out) {
    ++asked_;
    EXPECT_EQ(call.request->upstream_head.path(), "/v1/models");
    const std::string body = answers_[call.target];
    if (body == "silent") (void)co_await silence_.wait(t_.loop.now() + std::chrono::hours(1));
    if (body.empty()) co_return fail(ErrorKind::kConnectFailed, "refused");
    co_return co_await answer(out, answer_head("application/json"), {body});
  }
  // The ids that a client is told, with commas between them.
  std::string listed(Duration wait = Duration::zero()) {
    ExchangeRig r(t_, one_route([](Exchange&, ResponseWriter& out) { return answer_ok(out); }),
                  request_head(Method::kGet, "/v1/models"));
    r.run(chain_);
    t_.turn();
    if (wait != Duration::zero()) t_.advance(wait);
    t_.turn();
    if (!r.finished()) return "(waits)";
    std::string text;
    for (const std::string& id : llm::parse_model_list(r.client.body()).value())
      text += (text.empty() ? "" : ",") + id;
    return text;
  }

  TestLoop t_;
  Signal silence_{t_.loop};
  std::map<UpstreamCluster*, std::string> answers_;
  int asked_ = 0;
  ExchangeChain chain_;
};

constexpr std::string_view kAB = R"({"object":"list","data":[{"id":"b"},{"id":"a"}]})";
constexpr std::string_view kBC = R"({"data":[{"id":"c","object":"model"},{"id":"b"},{"no":1}]})";

TEST_F(ListModelsFilterTest, ListsWhatAllClustersServeAndTheAliasesOnceAndSorted) {
  answers_ = {{cluster(0), std::string(kAB)}, {cluster(1), std::string(kBC)}};
  EXPECT_EQ(listed(), "a,alias,b,c");
}

TEST_F(ListModelsFilterTest, AsksAgainOnlyWhenTheAnswersHaveAged) {
  answers_ = {{cluster(0), std::string(kAB)}, {cluster(1), std::string(kBC)}};
  (void)listed();
  (void)listed();
  EXPECT_EQ(asked_, 2);
  t_.advance(ModelCatalog::kFresh);
  (void)listed();
  EXPECT_EQ(asked_, 4);
}

TEST_F(ListModelsFilterTest, AClusterThatIsDownKeepsItsLastAnswer) {
  answers_ = {{cluster(0), std::string(kAB)}, {cluster(1), std::string(kBC)}};
  (void)listed();
  answers_ = {{cluster(0), "nonsense"}};
  t_.advance(ModelCatalog::kFresh);
  (void)listed();
  EXPECT_EQ(listed(), "a,alias,b,c");
}

TEST_F(ListModelsFilterTest, TheFirstRequestWaitsForASilentClusterABoundedTime) {
  answers_ = {{cluster(0), std::string(kAB)}, {cluster(1), "silent"}};
  EXPECT_EQ(listed(), "(waits)");
  EXPECT_EQ(listed(ModelCatalog::kFirstWait), "a,alias,b");
}

TEST_F(ListModelsFilterTest, AnAnswerThatIsTooLongCountsAsNone) {
  answers_ = {{cluster(0), std::string(ModelCatalog::kMaxAnswerBytes + 1, ' ')},
              {cluster(1), std::string(kBC)}};
  EXPECT_EQ(listed(), "alias,b,c");
}

TEST_F(ListModelsFilterTest, AnIdIsEscapedInTheAnswer) {
  answers_ = {{cluster(0), R"({"data":[{"id":"q\"\\"}]})"}};
  EXPECT_EQ(listed(), "alias,q\"\\");
}

}  // namespace
}  // namespace sluice::test
