// sluice-load: the load and the model servers of the benchmarks. `sluice-load --help` lists what it can do.

#include <fmt/format.h>
#include <sys/resource.h>

#include <cstdio>
#include <exception>
#include <initializer_list>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <CLI/CLI.hpp>

#include "perf/load/backend.h"
#include "perf/load/crowd.h"
#include "perf/load/dice.h"
#include "perf/load/events.h"
#include "perf/load/open_loop.h"
#include "perf/load/requests.h"
#include "perf/load/stream_run.h"

namespace sluice::load {
namespace {

constexpr int kGood = 0;
constexpr int kWrong = 1;

// As many descriptors as the system lets us have: every connection is one.
void lift_descriptor_limit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

Nanos seconds(double count) {
  return static_cast<Nanos>(count * static_cast<double>(kSecond));
}

class Command {
 public:
  virtual ~Command() = default;
  virtual int run() = 0;
};

class BackendCommand final : public Command {
 public:
  explicit BackendCommand(CLI::App& app) {
    app.add_option("--port", port_, "where to listen on 127.0.0.1; 0 takes a free port")
        ->capture_default_str();
  }
  int run() override {
    Loop loop;
    const Backend backend(loop, port_);
    fmt::print("{{\"port\":{},\"event_bytes\":{}}}\n", backend.port(), event_bytes());
    std::fflush(stdout);
    loop.run();
    return kGood;
  }

 private:
  std::uint16_t port_ = 0;
};

class StreamsCommand final : public Command {
 public:
  explicit StreamsCommand(CLI::App& app) {
    app.add_option("--to", to_, "the proxy's address")->required();
    app.add_option("--streams", streams_, "how many at a time")->capture_default_str();
    app.add_option("--direct", direct_, "the backend's address, for streams beside them on the direct path");
    app.add_option("--direct-streams", direct_streams_, "how many of those")->capture_default_str();
    app.add_option("--events", events_, "of each stream; 0: for ever")->capture_default_str();
    app.add_option("--gap-us", gap_us_, "between two of them; 0: as fast as they are read")
        ->capture_default_str();
    app.add_option("--burst", burst_, "events that come in one send")->capture_default_str();
    app.add_option("--prompt-bytes", prompt_bytes_, "of each request")->capture_default_str();
    app.add_option("--open-per-second", open_per_second_, "how fast streams are opened")
        ->capture_default_str();
    app.add_option("--patience", patience_, "seconds without progress after which the run ends")
        ->capture_default_str();
    app.add_flag("--hold", hold_,
                 "hold the streams until the standard input ends; report for every line on it");
  }
  int run() override {
    const std::string request = post(events_path(events_, gap_us_, burst_), chat_body(prompt_bytes_, true));
    StreamRun::Options options{
        .proxy = {.address = loopback_address(to_), .count = streams_, .request = request},
        .direct = std::nullopt,
        .open_per_second = open_per_second_,
        .hold = hold_,
        .patience = seconds(patience_)};
    if (!direct_.empty())
      options.direct = {.address = loopback_address(direct_), .count = direct_streams_, .request = request};
    Loop loop;
    const StreamRun run(loop, std::move(options));
    loop.run();
    return run.good() ? kGood : kWrong;
  }

 private:
  std::string to_;
  std::string direct_;
  std::size_t streams_ = 100;
  std::size_t direct_streams_ = 100;
  std::uint64_t events_ = 0;
  std::uint64_t gap_us_ = 1'000'000;
  unsigned burst_ = 1;
  std::size_t prompt_bytes_ = 1024;
  unsigned open_per_second_ = 2000;
  double patience_ = 30;
  bool hold_ = false;
};

class RateCommand final : public Command {
 public:
  explicit RateCommand(CLI::App& app) {
    app.add_option("--to", to_, "the address")->required();
    app.add_option("--per-second", per_second_, "requests")
        ->capture_default_str()
        ->check(CLI::PositiveNumber);
    app.add_option("--seconds", seconds_, "how long")->capture_default_str();
    app.add_option("--warm-up", warm_up_, "seconds ahead of it that do not count")->capture_default_str();
    app.add_option("--connections", connections_, "at most")->capture_default_str();
    app.add_option("--prompt-bytes", prompt_bytes_, "of each request")->capture_default_str();
    app.add_option("--path", path_, "of each request")->capture_default_str();
    app.add_option("--patience", patience_, "seconds that an answer may take")->capture_default_str();
  }
  int run() override {
    Loop loop;
    OpenLoop load(loop, {.address = loopback_address(to_),
                         .request = post(path_, chat_body(prompt_bytes_, false)),
                         .per_second = per_second_,
                         .duration = load::seconds(seconds_),
                         .warm_up = load::seconds(warm_up_),
                         .connections = connections_,
                         .patience = load::seconds(patience_)});
    loop.run();
    fmt::print("{}\n", load.json());
    return load.good() ? kGood : kWrong;
  }

 private:
  std::string to_;
  unsigned per_second_ = 2000;
  double seconds_ = 1;
  double warm_up_ = 0.2;
  std::size_t connections_ = 64;
  std::size_t prompt_bytes_ = 100;
  std::string path_ = "/v1/chat/completions";
  double patience_ = 10;
};

class CrowdCommand final : public Command {
 public:
  explicit CrowdCommand(CLI::App& app) {
    app.add_option("who", who_, "leavers; visitors of every kind; slow clients of five kinds")
        ->required()
        ->check(CLI::IsMember({"leavers", "visitors", "slow"}));
    app.add_option("--to", to_, "the address")->required();
    app.add_option("--at-a-time", at_a_time_, "how many")->capture_default_str();
    app.add_option("--visits", visits_, "how many in all; 0: until the time is over")->capture_default_str();
    app.add_option("--seconds", seconds_, "how long; 0: until all have come")->capture_default_str();
    app.add_option(
           "--only", only_,
           "of the slow clients, this kind: 0 head byte by byte, 1 body byte by byte, 2 never reads,\n"
           "3 idle, 4 half-closed")
        ->check(CLI::Range(std::size_t{0}, kSlowKinds - 1));
    app.add_option("--seed", seed_, "of the dice")->capture_default_str();
    app.add_option("--patience", patience_, "seconds for which a client may wait")->capture_default_str();
  }
  int run() override {
    if (visits_ == 0 && seconds_ == 0) throw std::invalid_argument("--visits or --seconds is needed");
    Loop loop;
    Dice dice(seed_);
    Crowd::Options options{.address = loopback_address(to_),
                           .at_a_time = at_a_time_,
                           .visits = visits_,
                           .duration = seconds(seconds_),
                           .patience = seconds(patience_)};
    if (who_ == "slow") {
      options.next_after = kSecond;
      options.patience = 0;
      options.sent_away = true;
      options.plan = [this](std::size_t place) { return slow_plan(only_.value_or(place)); };
    } else if (who_ == "leavers") {
      options.plan = [&dice](std::size_t) { return dice.leaver(); };
    } else {
      options.plan = [&dice](std::size_t) { return dice.visitor(); };
    }
    Crowd crowd(loop, std::move(options));
    loop.run();
    fmt::print("{}\n", crowd.json());
    return crowd.good() ? kGood : kWrong;
  }

 private:
  std::string who_;
  std::string to_;
  std::size_t at_a_time_ = 100;
  std::uint64_t visits_ = 0;
  double seconds_ = 0;
  std::optional<std::size_t> only_;
  std::uint64_t seed_ = 1;
  double patience_ = 60;
};

constexpr const char* kAbout =
    "The load and the model servers of perf/compare and perf/endure. Everything is on loopback; what is "
    "found is\n"
    "printed as lines of JSON. Status 0: all went as it should; 1: it did not.";

int run(int argc, char** argv) {
  CLI::App app(kAbout, "sluice-load");
  app.require_subcommand(1);
  BackendCommand backend(*app.add_subcommand("backend", "a model server: streams and answers at any pace"));
  StreamsCommand streams(*app.add_subcommand("streams", "event streams; the age of each event"));
  RateCommand rate(*app.add_subcommand("rate", "requests at a fixed rate, timed from when they were due"));
  CrowdCommand crowd(*app.add_subcommand("crowd", "clients that are slow, leave or make mistakes"));
  CLI11_PARSE(app, argc, argv);
  lift_descriptor_limit();
  const std::initializer_list<std::pair<const char*, Command*>> commands = {
      {"backend", &backend}, {"streams", &streams}, {"rate", &rate}, {"crowd", &crowd}};
  for (const auto& [name, command] : commands)
    if (app.got_subcommand(name)) return command->run();
  return kWrong;
}

}  // namespace
}  // namespace sluice::load

int main(int argc, char** argv) {
  try {
    return sluice::load::run(argc, argv);
  } catch (const std::exception& e) {
    fmt::print(stderr, "sluice-load: {}\n", e.what());
    return 2;
  }
}
