#include <cstdio>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "gateway/base/address.h"
#include "gateway/http/http1/client_connection.h"
#include "gateway/net/connector.h"
#include "gateway/runtime/loop.h"
#include "gateway/runtime/task_group.h"

namespace {

constexpr std::chrono::seconds kPatience(10);

struct Answer {
  int status = 0;
  std::string body;
  std::string error;  // why there is no answer
};

// One GET on the admin listener.
sluice::Task<void> get(sluice::Loop& loop, const sluice::Address& admin, const std::string& path,
                       Answer& answer) {
  sluice::SocketConnector connector(loop);
  const sluice::TimePoint deadline = loop.now() + kPatience;
  auto transport = co_await connector.connect(admin, deadline);
  if (!transport) {
    answer.error = transport.error().detail;
    co_return;
  }
  sluice::http1::ClientConnection connection(std::move(*transport), {});
  sluice::RequestHead request;
  request.set_authority(admin.kind == sluice::Address::Kind::kUnix ? "localhost" : admin.to_string());
  request.set_target(path, "");
  auto sent = co_await connection.send(request, 0, {}, true, kPatience);
  if (sent) {
    auto head = co_await connection.read_head(deadline);
    if (head) {
      answer.status = head->status;
      for (;;) {
        auto piece = co_await connection.read(deadline);
        if (!piece) {
          answer.error = piece.error().detail;
          co_return;
        }
        answer.body.append(piece->bytes);
        if (piece->last) co_return;
      }
    }
    answer.error = head.error().detail;
  } else {
    answer.error = sent.error().detail;
  }
}

sluice::Task<void> get_and_stop(sluice::Loop& loop, const sluice::Address& admin, const std::string& path,
                                Answer& answer) {
  co_await get(loop, admin, path, answer);
  loop.stop();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "Asks a running gateway about itself, over its admin listener.\n\n"
      "  sluicectl streams                        every exchange in flight: its state, age and endpoint\n"
      "  sluicectl --admin unix:run/admin.sock clusters\n"};
  app.set_version_flag("--version", SLUICE_VERSION);
  std::string admin_text = "127.0.0.1:9901";
  app.add_option("-a,--admin", admin_text, "The gateway's admin.address: HOST:PORT or unix:PATH")
      ->capture_default_str();
  std::string path;
  const auto page = [&](const char* name, const char* help) {
    app.add_subcommand(name, help)->callback([&path, name] { path = std::string("/") + name; });
  };
  page("ready", "Whether it takes requests; exit status 1 if not");
  page("live", "Whether it runs");
  page("clusters", "Endpoints with their state, work in flight and failures (JSON)");
  page("streams", "Exchanges in flight, the oldest first (JSON)");
  page("config", "The configuration in use, with every default (YAML)");
  page("metrics", "Every metric (Prometheus text)");
  app.require_subcommand(1);
  CLI11_PARSE(app, argc, argv);

  const auto admin = sluice::parse_address(admin_text);
  if (!admin) {
    std::fprintf(stderr, "sluicectl: --admin: %s\n", admin.error().detail.c_str());
    return 2;
  }
  const sluice::SystemTime time;
  sluice::Loop loop(time, 1);
  Answer answer;
  {
    sluice::TaskGroup tasks;
    tasks.spawn(get_and_stop(loop, *admin, path, answer));
    loop.run();
  }
  if (!answer.error.empty()) {
    std::fprintf(stderr,
                 "sluicectl: no answer from %s: %s\n  Does the gateway run, and is this its admin.address?\n",
                 admin_text.c_str(), answer.error.c_str());
    return 1;
  }
  std::fwrite(answer.body.data(), 1, answer.body.size(), stdout);
  return answer.status == 200 ? 0 : 1;
}
