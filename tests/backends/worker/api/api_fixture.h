#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "backends/worker/api/api.h"
#include "tests/backends/worker/api/byte_model.h"
#include "tests/backends/worker/api/http_client.h"
#include "tests/backends/worker/api/scripted_generator.h"

namespace sluice::worker {

// The API in front of a scripted engine, with one client.
class ApiFixture : public ::testing::Test {
 protected:
  explicit ApiFixture(ApiOptions options = {.version = "1.2.3"})
      : api_(loop_, model_, engine_, std::move(options)), client_(loop_, api_) {}

  HttpAnswer post(std::string_view path, std::string_view body) { return client_.ask("POST", path, body); }
  HttpAnswer get(std::string_view path) { return client_.ask("GET", path); }

  // The text that the engine was asked to go on.
  std::string prompt() const { return model_.tokenizer.decode(*engine_.submitted.back().prompt, false); }

  // `text` without what differs from run to run: the fingerprint.
  static std::string plain(std::string text) {
    const std::string_view name = "\"system_fingerprint\":\"sluice-1.2.3-";
    for (std::size_t at = text.find(name); at != std::string::npos; at = text.find(name, at + 1)) {
      text.replace(at + name.size(), 8, "F");
    }
    return text;
  }

  ManualTime time_;
  Loop loop_{time_, 1};
  ServedModel model_ = byte_model();
  ScriptedGenerator engine_;
  Api api_;
  HttpClient client_;
};

}  // namespace sluice::worker
