#include "gateway/app/sluicectl/top.h"

#include <chrono>
#include <cstdio>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "gateway/app/sluicectl/failure.h"
#include "gateway/app/sluicectl/terminal.h"
#include "gateway/app/sluicectl/top_view.h"

namespace sluice::ctl {
namespace {

constexpr int kIntervalMilliseconds = 1000;

// What went wrong with a sample: no answer, or one that is none of the pages wanted.
struct Failure {
  std::optional<Error> error = {};
  Answer answer = {};

  int tell(const AdminClient& client) const { return error ? no_answer(client, *error) : refused(answer); }
};

// Three pages, one moment after the other.
std::optional<Failure> take_sample(AdminClient& client, TopSample& sample) {
  for (const auto& [path, target] : {std::pair{"/metrics", static_cast<JsonValue*>(nullptr)},
                                     {"/status", &sample.status},
                                     {"/clusters", &sample.clusters}}) {
    Result<Answer> answer = client.ask(Method::kGet, path);
    if (!answer) return Failure{.error = std::move(answer.error())};
    if (!answer->ok()) return Failure{.answer = std::move(*answer)};
    if (target == nullptr) {
      sample.metrics = Scrape::parse(answer->body);
      sample.seconds = std::chrono::duration<double>(SystemTime().now().time_since_epoch()).count();
    } else {
      *target = JsonValue::parse(answer->body).value_or(JsonValue{});
    }
  }
  return std::nullopt;
}

int show_once(AdminClient& client, TopSample before, std::size_t columns) {
  wait_milliseconds(kIntervalMilliseconds);
  TopSample after;
  if (const auto failure = take_sample(client, after)) return failure->tell(client);
  for (const std::string& line :
       render(compare(before, after), columns, std::numeric_limits<std::size_t>::max()))
    std::printf("%s\n", line.c_str());
  return kExitDone;
}

int show_until_quit(AdminClient& client, TopSample before, std::optional<std::size_t> columns) {
  TopSample after = before;
  std::optional<Failure> failure;
  // In a scope of its own: what is said about a gateway that has gone is for the ordinary screen.
  {
    Terminal terminal;
    while (!failure) {
      const ScreenSize size = screen_size();
      terminal.show(render(compare(before, after), columns.value_or(size.columns), size.rows));
      const Terminal::Event event = terminal.wait(kIntervalMilliseconds);
      if (event == Terminal::Event::kQuit) return kExitDone;
      if (event == Terminal::Event::kResized) continue;
      TopSample next;
      failure = take_sample(client, next);
      before = std::exchange(after, std::move(next));
    }
  }
  return failure->tell(client);
}

}  // namespace

int run_top(AdminClient& client, const TopOptions& options) {
  TopSample before;
  if (const auto failure = take_sample(client, before)) return failure->tell(client);
  if (options.once)
    return show_once(client, std::move(before), options.columns.value_or(screen_size().columns));
  if (!on_terminal()) {
    std::fprintf(stderr, "sluicectl: top needs a terminal; `top --once` prints one screen as text\n");
    return kExitUsage;
  }
  return show_until_quit(client, std::move(before), options.columns);
}

}  // namespace sluice::ctl
