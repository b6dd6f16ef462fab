#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gateway/app/sluicectl/json_value.h"
#include "gateway/app/sluicectl/scrape.h"

namespace sluice::ctl {

// What `sluicectl top` reads at one moment.
struct TopSample {
  double seconds = 0;  // when, on any time line
  Scrape metrics = {};
  JsonValue status = {};
  JsonValue clusters = {};
};

// A median and a 99th percentile, in seconds; nullopt where nothing was observed.
struct Percentiles {
  std::optional<double> p50 = {};
  std::optional<double> p99 = {};
};

// What it shows: rates per second between two samples, and the later one's state.
struct TopView {
  std::string version = {};
  std::string pid = {};
  double uptime_seconds = 0;
  bool draining = false;
  std::string generation = {};
  double streams = 0;
  double connections = 0;
  double requests = 0;  // ended, per second
  double errors = 0;
  double prompt_tokens = 0;
  double completion_tokens = 0;
  Percentiles first_token = {};
  Percentiles token_gap = {};

  struct Endpoint {
    std::string cluster;
    std::string address;
    std::string state;
    double in_flight;
    double attempts;  // per second
    double failures;
  };
  std::vector<Endpoint> endpoints = {};
};

// A counter that fell means that the gateway began anew in between: it then counts from zero.
TopView compare(const TopSample& before, const TopSample& after);

// The screen: at most `rows` lines of at most `columns` characters, without any control sequence. Below 40
// columns lines are cut; endpoints that find no room are counted in the last line.
std::vector<std::string> render(const TopView& view, std::size_t columns, std::size_t rows);

}  // namespace sluice::ctl
