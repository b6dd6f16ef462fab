#include "filters/response_edit/response_edit_filter.h"

namespace sluice {
namespace {

class EditingWriter final : public ResponseWriter {
 public:
  EditingWriter(ResponseWriter& inner, const HeaderEdits& edits) noexcept : inner_(inner), edits_(edits) {}

  Task<Result<void>> start(ResponseHead head) override {
    edits_.apply(head.headers);
    return inner_.start(std::move(head));
  }
  Task<Result<void>> write(std::string_view bytes) override { return inner_.write(bytes); }
  Task<Result<void>> flush() override { return inner_.flush(); }
  Task<Result<void>> finish(std::string_view bytes, const Headers* trailers) override {
    return inner_.finish(bytes, trailers);
  }
  std::size_t room() const noexcept override { return inner_.room(); }
  bool head_sent() const noexcept override { return inner_.head_sent(); }
  bool content_sent() const noexcept override { return inner_.content_sent(); }

 private:
  ResponseWriter& inner_;
  const HeaderEdits& edits_;
};

}  // namespace

Task<Result<void>> ResponseEditFilter::handle(Exchange& exchange, ResponseWriter& client, ExchangeNext next) {
  EditingWriter writer(client, edits_);
  co_return co_await next(exchange, writer);
}

}  // namespace sluice
