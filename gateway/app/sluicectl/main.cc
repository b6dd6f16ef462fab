#include <cstdio>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "gateway/app/secret_source.h"
#include "gateway/app/sluicectl/commands.h"
#include "gateway/app/sluicectl/completion.h"
#include "gateway/app/sluicectl/failure.h"
#include "gateway/app/sluicectl/output.h"
#include "gateway/app/sluicectl/terminal.h"
#include "gateway/app/sluicectl/top.h"

namespace {

using namespace sluice;
using namespace sluice::ctl;

constexpr const char* kHelp =
    "Asks a running gateway about itself and changes it, over its admin interface.\n\n"
    "  sluicectl status                              what runs, since when, with which configuration\n"
    "  sluicectl top                                 rates, latencies and endpoints, live\n"
    "  sluicectl streams --cluster tiny --min-age 30s\n"
    "  sluicectl streams kill 4bf92f3577b34da6a3ce929d0e0e4736\n"
    "  sluicectl diff new.yaml; sluicectl reload\n"
    "  sluicectl explain 'POST /v1/chat/completions' -H 'Host: api' -d '{\"model\":\"tiny\"}'\n"
    "  sluicectl --admin unix:run/admin.sock drain\n";

constexpr const char* kFooter =
    "\nExit status: 0 done; 1 the gateway says no (not ready, no such stream, not reloaded; `diff`: there "
    "are\n"
    "differences); 2 the command line or a file is wrong; 3 nobody answers; 4 refused for want of a token.";

struct Options {
  std::string admin = "127.0.0.1:9901";
  std::string token_file = {};
  Format format = Format::kTable;
  // streams
  std::string cluster = {};
  std::string route = {};
  std::string model = {};
  std::string state = {};
  std::string min_age = {};
  bool watch = false;
  std::string id = {};
  // others
  std::string file = {};
  std::string level = {};
  std::string shell = {};
  // explain
  std::string request_line = {};
  std::vector<std::string> headers = {};
  std::string client = {};
  std::string body = {};
  TopOptions top = {};
};

using Run = std::function<int(AdminClient&, Commands&)>;

std::string stream_query(const Options& options) {
  std::string query;
  for (const auto& [key, value] : {std::pair{"cluster", &options.cluster},
                                   {"route", &options.route},
                                   {"model", &options.model},
                                   {"state", &options.state},
                                   {"min_age", &options.min_age}}) {
    if (!value->empty())
      query.append(query.empty() ? "?" : "&").append(key).append("=" + percent_encoded(*value));
  }
  return query;
}

// The commands that show something.
void add_views(CLI::App& app, Options& o, Run& run) {
  const auto page = [&](const char* name, const char* help, std::string (*table)(const JsonValue&)) {
    app.add_subcommand(name, help)->callback([&run, table, path = "/" + std::string(name)] {
      run = [table, path](AdminClient&, Commands& c) { return c.show(Method::kGet, path, table); };
    });
  };
  const auto text = [&](const char* name, const char* help) {
    app.add_subcommand(name, help)->callback([&run, path = "/" + std::string(name)] {
      run = [path](AdminClient&, Commands& c) { return c.show_text(path); };
    });
  };
  page("status", "What runs, since when, with which configuration", status_table);
  page("clusters", "Endpoints with their source, state, work in flight and failures, and how discovery fares",
       [](const JsonValue& page) { return clusters_table(page, table_width()); });
  CLI::App* streams = app.add_subcommand("streams", "Exchanges in flight, the oldest first; or end one");
  streams->add_option("--cluster", o.cluster, "Only those whose last attempt went to this cluster");
  streams->add_option("--route", o.route, "Only those of this route");
  streams->add_option("--model", o.model, "Only those for this model");
  streams->add_option("--state", o.state, "Only those in this state");
  streams->add_option("--min-age", o.min_age, "Only those this old or older: 500ms, 30s, 5m");
  streams->add_flag("-w,--watch", o.watch, "Again each second, until Ctrl-C");
  CLI::App* kill =
      streams->add_subcommand("kill", "End an exchange: its client sees a cut, its backend stops");
  kill->add_option("id", o.id, "As `streams` prints it")->required();
  kill->callback([&] {
    run = [&o](AdminClient&, Commands& c) {
      return c.show(Method::kPost, "/streams/" + percent_encoded(o.id) + "/kill", members_table);
    };
  });
  streams->require_subcommand(0, 1);
  streams->callback([&run, &o, kill] {
    if (*kill) return;
    run = [&o](AdminClient&, Commands& c) { return c.streams(stream_query(o), o.watch); };
  });
  text("config", "The configuration in force, with every default (YAML)");
  text("metrics", "Every metric (Prometheus text)");
  text("live", "Whether it runs");
  text("ready", "Whether it takes requests; exit status 1 if not");
  CLI::App* top = app.add_subcommand("top", "Rates, latencies and endpoints, live; `q` ends it");
  top->add_flag("--once", o.top.once, "Print one screen as text and end");
  top->add_option("--columns", o.top.columns, "Width instead of the terminal's")->check(CLI::Range(20, 1000));
  top->callback([&] { run = [&o](AdminClient& client, Commands&) { return run_top(client, o.top); }; });
}

// The commands that change something, or ask what would change.
void add_changes(CLI::App& app, Options& o, Run& run) {
  app.add_subcommand("reload", "Read the configuration file again and put it in force; all of it or nothing")
      ->callback([&] { run = [](AdminClient&, Commands& c) { return c.reload(); }; });
  CLI::App* diff = app.add_subcommand("diff", "What a configuration file would change");
  diff->add_option("file", o.file, "The file; - is standard input")->required();
  diff->callback([&] { run = [&o](AdminClient&, Commands& c) { return c.diff(o.file); }; });
  CLI::App* explain =
      app.add_subcommand("explain", "Which route would take a request, and why; nothing is sent");
  explain->add_option("request", o.request_line, "As `POST /v1/chat/completions`")->required();
  explain->add_option("-H,--header", o.headers, "A header field, `Name: value`; may be repeated")
      ->allow_extra_args(false);
  explain->add_option("--client", o.client, "The client's IP address, 127.0.0.1 if left out");
  explain->add_option("-d,--body", o.body, "The request's body");
  explain->callback([&] {
    run = [&o](AdminClient&, Commands& c) {
      std::string text = o.request_line + "\n";
      for (const std::string& header : o.headers)
        text.append(header).append("\n");
      const std::string query = o.client.empty() ? "" : "?client=" + percent_encoded(o.client);
      return c.show(Method::kPost, "/explain" + query, to_yaml, text + "\n" + o.body);
    };
  });
  app.add_subcommand("drain", "Stop accepting, let exchanges in flight end, then end the process")
      ->callback([&] {
        run = [](AdminClient&, Commands& c) { return c.show(Method::kPost, "/drain", members_table); };
      });
  CLI::App* level =
      app.add_subcommand("log-level", "Show or set the least important messages that are logged");
  level->add_option("level", o.level)->check(CLI::IsMember({"debug", "info", "warning", "error"}));
  level->callback([&] {
    run = [&o](AdminClient&, Commands& c) {
      const Method method = o.level.empty() ? Method::kGet : Method::kPut;
      return c.show(method, "/log-level", members_table, o.level);
    };
  });
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames())
      names.push_back("--" + name);
  }
  return names;
}

std::vector<CommandWords> command_words(CLI::App& app) {
  std::vector<CommandWords> all;
  for (const CLI::App* command : app.get_subcommands({})) {
    CommandWords words{command->get_name(), command->get_description(), option_names(*command), {}, false};
    for (const CLI::App* below : command->get_subcommands({}))
      words.words.push_back(below->get_name());
    if (words.name == "log-level") words.words = {"debug", "info", "warning", "error"};
    if (words.name == "completion") words.words = {"bash", "zsh"};
    words.takes_file = words.name == "diff";
    all.push_back(std::move(words));
  }
  return all;
}

// From the file, else from the environment, else none. An empty SLUICE_ADMIN_TOKEN is none.
Result<std::optional<Secret>> find_token(const Options& options) {
  if (!options.token_file.empty()) {
    Result<Secret> token = read_secret({.file = options.token_file});
    if (!token) return fail(std::move(token.error()));
    return std::optional<Secret>(std::move(*token));
  }
  Result<Secret> token = read_secret({.env = "SLUICE_ADMIN_TOKEN"});
  if (!token) return std::nullopt;
  return std::optional<Secret>(std::move(*token));
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{kHelp};
  app.footer(kFooter);
  app.set_version_flag("--version", SLUICE_VERSION);
  Options options;
  Run run;
  app.fallthrough();  // inherited by the commands: `status -o json` is `-o json status`
  app.add_option("-a,--admin", options.admin,
                 "The gateway's admin.address, or unix:PATH for its admin.socket")
      ->capture_default_str();
  app.add_option("--token-file", options.token_file, "Holds the admin.token; else SLUICE_ADMIN_TOKEN does");
  const std::map<std::string, Format> formats{
      {"table", Format::kTable}, {"json", Format::kJson}, {"yaml", Format::kYaml}};
  app.add_option("-o,--output", options.format,
                 "table, json or yaml; `config` and `metrics` print as they are")
      ->transform(CLI::CheckedTransformer(formats));
  add_views(app, options, run);
  add_changes(app, options, run);
  CLI::App* completion = app.add_subcommand("completion", "Print the completion script for a shell");
  completion->add_option("shell", options.shell)->required()->check(CLI::IsMember({"bash", "zsh"}));
  app.require_subcommand(1);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitDone : kExitUsage;
  }

  if (*completion) {
    const auto script = options.shell == "bash" ? bash_completion : zsh_completion;
    std::fputs(script(option_names(app), command_words(app)).c_str(), stdout);
    return kExitDone;
  }
  const Result<Address> admin = parse_address(options.admin);
  if (!admin) {
    std::fprintf(stderr, "sluicectl: --admin: %s\n", admin.error().detail().c_str());
    return kExitUsage;
  }
  Result<std::optional<Secret>> token = find_token(options);
  if (!token) {
    std::fprintf(stderr, "sluicectl: --token-file: %s\n", token.error().detail().c_str());
    return kExitUsage;
  }
  AdminClient client(*admin, std::move(*token));
  Commands commands(client, options.format);
  return run(client, commands);
}
