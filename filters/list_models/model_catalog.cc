#include "filters/list_models/model_catalog.h"

#include <algorithm>
#include <utility>

#include "gateway/llm/model_list.h"
#include "gateway/proxy/call.h"

namespace sluice {
namespace {

// Takes an answer of at most so many bytes.
class CollectingWriter final : public ResponseWriter {
 public:
  explicit CollectingWriter(std::size_t limit) noexcept : limit_(limit) {}

  Task<Result<void>> start(ResponseHead head) override {
    status_ = head.status;
    co_return Result<void>();
  }
  Task<Result<void>> write(std::string_view bytes) override {
    if (bytes.size() > limit_ - body_.size())
      co_return fail(ErrorKind::kUpstreamMalformed, "the list of models is too long");
    body_.append(bytes);
    co_return Result<void>();
  }
  Task<Result<void>> flush() override { co_return Result<void>(); }
  Task<Result<void>> finish(std::string_view bytes, const Headers* /*trailers*/) override {
    return write(bytes);
  }
  bool head_sent() const noexcept override { return status_ != 0; }
  bool content_sent() const noexcept override { return !body_.empty(); }

  int status() const noexcept { return status_; }
  const std::string& body() const noexcept { return body_; }

 private:
  std::size_t limit_;
  int status_ = 0;
  std::string body_;
};

std::shared_ptr<const Request> question() {
  auto request = std::make_shared<Request>();
  request->upstream_head.method = Method::kGet;
  // No client's: the answer is for all of them.
  request->upstream_head.set_authority("sluice");
  request->upstream_head.set_target("/v1/models", "");
  request->upstream_head.headers.add(HeaderId::kAccept, "application/json");
  request->length = 0;
  return request;
}

}  // namespace

ModelCatalog::ModelCatalog(Loop& loop, CallChain fetch, const std::vector<UpstreamCluster*>& clusters,
                           std::vector<std::string> aliases)
    : loop_(loop),
      fetch_(std::move(fetch)),
      aliases_(std::move(aliases)),
      request_(question()),
      timeouts_{.first_content = kFirstWait, .between_tokens = kFirstWait, .total = kFirstWait},
      answered_(loop) {
  for (UpstreamCluster* cluster : clusters)
    sources_.push_back({.cluster = cluster});
}

Task<std::vector<std::string>> ModelCatalog::ids() {
  refresh();
  const TimePoint deadline = loop_.now() + kFirstWait;
  while (!known_ && unanswered_ > 0) {
    const bool in_time = co_await answered_.wait(deadline);
    if (!in_time) break;
  }
  std::vector<std::string> all = aliases_;
  for (const Source& source : sources_)
    all.insert(all.end(), source.ids.begin(), source.ids.end());
  std::ranges::sort(all);
  const auto repeated = std::ranges::unique(all);
  all.erase(repeated.begin(), repeated.end());
  co_return all;
}

void ModelCatalog::refresh() {
  if (unanswered_ > 0 || (asked_at_ && loop_.now() - *asked_at_ < kFresh)) return;
  asked_at_ = loop_.now();
  unanswered_ = sources_.size();
  for (Source& source : sources_)
    tasks_.spawn(ask(source));
}

Task<void> ModelCatalog::ask(Source& source) {
  ExchangeRecord record;  // of no exchange: nobody reports it
  CollectingWriter answer(kMaxAnswerBytes);
  Call call{.request = request_, .target = source.cluster, .timeouts = &timeouts_, .record = &record};
  const Result<void> outcome = co_await fetch_.run(call, answer);
  if (outcome && answer.status() == 200) {
    if (Result<std::vector<std::string>> ids = llm::parse_model_list(answer.body()))
      source.ids = std::move(*ids);
  }
  if (--unanswered_ == 0) {
    known_ = true;
    answered_.notify_all();
  }
}

}  // namespace sluice
