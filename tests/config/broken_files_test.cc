#include <fmt/format.h>
#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/load.h"

namespace sluice::config {
namespace {

// What a file needs beside the section that a case is about, appended behind it, so that the lines of a case
// count from 1.
std::string complete(std::string text) {
  const std::pair<std::string_view, std::string_view> sections[] = {
      {"version:", "version: 1\n"},
      {"listeners:", "listeners: [{name: public, address: 127.0.0.1:8080}]\n"},
      {"clusters:", "clusters: [{name: models, endpoints: [{address: 127.0.0.1:8000}]}]\n"},
      {"routes:", "routes: [{match: {path: {prefix: /}}, clusters: [{name: models}]}]\n"},
  };
  for (const auto& [key, section] : sections) {
    if (!text.starts_with(key) && text.find(fmt::format("\n{}", key)) == text.npos) text += section;
  }
  return text;
}

// `line:column: path: message` of each, in the order of the result; a warning says so.
std::vector<std::string> found_in(const LoadResult& result) {
  std::vector<std::string> out;
  for (const Diagnostic& d : result.diagnostics) {
    out.push_back(fmt::format("{}:{}: {}{}{}{}", d.line, d.column,
                              d.severity == Diagnostic::Severity::kWarning ? "warning: " : "", d.path,
                              d.path.empty() ? "" : ": ", d.message));
  }
  return out;
}

struct Case {
  std::string text;
  std::vector<std::string> expected;
};

void expect_all(std::initializer_list<Case> cases, bool ok = false) {
  for (const Case& c : cases) {
    const LoadResult result = load_text(c.text, "sluice.yaml");
    EXPECT_EQ(found_in(result), c.expected) << c.text;
    EXPECT_EQ(result.ok(), ok) << c.text;
  }
}

// Each text is one section of a file that is otherwise right.
void expect_sections(std::initializer_list<Case> cases, bool ok = false) {
  for (const Case& c : cases)
    expect_all({{complete(c.text), c.expected}}, ok);
}

TEST(BrokenFile, WhatIsNotOneYamlDocumentIsRefusedWithItsPlace) {
  expect_all({
      {"", {"0:0: is empty; it needs at least version, listeners, clusters and routes"}},
      {"# nothing\n", {"0:0: is empty; it needs at least version, listeners, clusters and routes"}},
      {"---\n", {"0:0: is empty; it needs at least version, listeners, clusters and routes"}},
      {"just text\n",
       {"1:1: expected a mapping with version, listeners, admin, clusters, defaults, routes, limits, drain, "
        "reload, observability, "
        "got "
        "\"just text\""}},
      {"- version: 1\n",
       {"1:1: expected a mapping with version, listeners, admin, clusters, defaults, routes, limits, drain, "
        "reload, observability, "
        "got "
        "a list"}},
      {"version: 1\n---\nversion: 1\n",
       {"2:1: a second YAML document starts here; a configuration is one document, so remove it"}},
      {"version: 1\nadmin:\n\tenabled: true\n",
       {"3:1: has a tab in its indentation; YAML indents with spaces"}},
      {"version: 1\n  admin: 5\n",
       {"2:8: a \":\" where no key can stand; check the indentation, or quote a value that contains \": \""}},
      {"admin: a: b\n",
       {"1:9: a \":\" where no key can stand; check the indentation, or quote a value that contains \": \""}},
      {"listeners:\n    - name: a\n   - name: b\n",
       {"3:4: does not continue the block above; check the indentation, or quote a value that starts with [ "
        "or {"}},
      {"admin: {address: [::]:80}\n",
       {"1:22: expected a comma or the closing bracket; quote a value that contains [ ] { } or a comma"}},
      {"admin: {enabled: true\nversion: 1\n",
       {"2:8: expected a comma or the closing bracket; quote a value that contains [ ] { } or a comma"}},
      {"version: 1\nadmin: \"x\n",
       {"2:8: a quoted text that starts here does not end on its line; close it with the same quote"}},
      {"version: 1\nadmin: 'it''s\n",
       {"2:8: a quoted text that starts here does not end on its line; close it with the same quote"}},
      {"version: 1\nadmin: @x\n", {"2:8: no value can start like this; put it in quotes"}},
      {"admin: *nowhere\n", {"1:8: anchors, aliases and merge keys are not supported; write the value out"}},
      {"version: 1 # \xC3\xA9\x80\n", {"1:15: is not UTF-8; save the file in that encoding"}},
      {"\xFF\xFEv\n", {"1:1: is not UTF-8; save the file in that encoding"}},
      {"version: 1\nadmin: \x04\n",
       {"2:8: has a control character; remove it, or write it as an escape in double quotes"}},
      {"version: 1\rversion: 1\n", {"1:11: has a carriage return inside a line; end lines with a line feed"}},
  });
}

TEST(BrokenFile, KeysAreKnownAndGivenOnce) {
  expect_sections({
      {"limts: {}\n", {"1:1: unknown key \"limts\"; did you mean limits?"}},
      {"listners: []\nversion: 1\nclusters: []\nroutes: 5\n#\nlisteners: 1\n",
       {"1:1: unknown key \"listners\"; did you mean listeners?",
        "3:11: clusters: needs 1 to 1000 items, got 0", "4:9: routes: expected a list, got \"5\"",
        "6:12: listeners: expected a list, got \"1\""}},
      {"admin:\n  adres: 127.0.0.1:1\n", {"2:3: admin: unknown key \"adres\"; did you mean address?"}},
      {"admin:\n  port: 1\n",
       {"2:3: admin: unknown key \"port\"; known here: enabled, address, socket, token, audit_log"}},
      {"observability: {log: {level: info, levle: info}}\n",
       {"1:36: observability.log: unknown key \"levle\"; did you mean level?"}},
      {"admin:\n  enabled: true\n  enabled: false\n",
       {"3:3: admin.enabled: is given twice, first in line 2; keep one of them"}},
      {"limits: {max_streams: 1, max_streams: 2}\n",
       {"1:26: limits.max_streams: is given twice, first in line 1; keep one of them"}},
      {"version: 1\nversion: 1\n", {"2:1: version: is given twice, first in line 1; keep one of them"}},
      {"clusters:\n  - name: models\n    endpoints: [{address: a:1, address: b:1}]\n",
       {"3:32: clusters[0].endpoints[0].address: is given twice, first in line 3; keep one of them"}},
      {"admin: {[a]: 1}\n", {"1:9: admin: a key must be a word, got a list"}},
      {"admin: {\"a\\nb\": 1}\n",
       {"1:9: admin: unknown key \"a\\x0ab\"; known here: enabled, address, socket, token, audit_log"}},
      {"limits: &l {max_streams: 1}\n",
       {"1:9: limits: anchors, aliases and merge keys are not supported; write the value out"}},
      {"limits:\n  max_streams: &n 1\nadmin: {<<: 1}\n",
       {"2:16: limits.max_streams: anchors, aliases and merge keys are not supported; write the value out",
        "3:9: admin: anchors, aliases and merge keys are not supported; write the value out"}},
      {"limits: {max_streams: !!int 1}\n",
       {"1:23: limits.max_streams: YAML tags are not supported; leave the tag out"}},
  });
}

TEST(BrokenFile, WhatIsRequiredIsMissedWhereItWouldStand) {
  expect_all({
      {"version: 1\n",
       {"1:1: listeners: is required", "1:1: clusters: is required", "1:1: routes: is required"}},
  });
  expect_sections({
      {"listeners:\n  - name: public\n", {"2:5: listeners[0].address: is required"}},
      {"listeners: [{address: a:1}]\n", {"1:13: listeners[0].name: is required"}},
      {"listeners: [{adress: a:1, name: public}]\n",
       {"1:14: listeners[0]: unknown key \"adress\"; did you mean address?"}},
      {"clusters: [{name: models}]\n",
       {"1:12: clusters[0].endpoints: is required where there is no discovery"}},
      {"routes:\n  - match: {path: {prefix: /}}\n",
       {"2:5: routes[0]: needs exactly one of clusters, respond, redirect and list_models"}},
      {"routes: [{match: {}, clusters: [{name: models}]}]\n", {"1:18: routes[0].match.path: is required"}},
      {"routes:\n  - match:\n      path:\n    clusters: [{name: models}]\n",
       {"3:7: routes[0].match.path: needs one of exact, prefix and regex"}},
  });
}

TEST(BrokenFile, ValuesHaveTheirTypeUnitAndRange) {
  expect_sections({
      {"version: 2\n", {"1:10: version: must be 1, got 2"}},
      {"version: \"1\"\n", {"1:10: version: is a text; write the number without quotes"}},
      {"limits: {max_streams: many}\n", {"1:23: limits.max_streams: is not a whole number, got \"many\""}},
      {"limits: {max_streams: 1.5}\n", {"1:23: limits.max_streams: is not a whole number, got \"1.5\""}},
      {"limits: {max_streams: 0}\n", {"1:23: limits.max_streams: must be from 1 to 1000000, got 0"}},
      {"limits: {max_streams: 99999999999999999999}\n",
       {"1:23: limits.max_streams: is not a whole number, got \"99999999999999999999\""}},
      {"limits: {max_streams: [1]}\n", {"1:23: limits.max_streams: expected a number, got a list"}},
      {"limits: {max_streams: {a: 1}}\n", {"1:23: limits.max_streams: expected a number, got a mapping"}},
      {"limits:\n  max_streams:\n  stream_buffer_bytes: 64KiB\n",
       {"2:3: limits.max_streams: expected a number, got nothing"}},
      {"limits: {stream_buffer_bytes: 65536}\n",
       {"1:31: limits.stream_buffer_bytes: needs a unit, got \"65536\"; write for example 512B, 64KiB or "
        "16MiB"}},
      {"limits: {stream_buffer_bytes: 64KB}\n",
       {"1:31: limits.stream_buffer_bytes: has an unknown unit \"KB\", got \"64KB\"; write for example 512B, "
        "64KiB or 16MiB"}},
      {"limits: {stream_buffer_bytes: 1KiB}\n",
       {"1:31: limits.stream_buffer_bytes: must be from 64KiB to 64MiB, got 1KiB"}},
      {"limits: {stream_buffer_bytes: -1KiB}\n",
       {"1:31: limits.stream_buffer_bytes: is not a size, got \"-1KiB\"; write for example 512B, 64KiB or "
        "16MiB"}},
      {"admin: {enabled: yes}\n", {"1:18: admin.enabled: must be true or false, got \"yes\""}},
      {"admin: {enabled: \"true\"}\n", {"1:18: admin.enabled: must be true or false, got \"true\""}},
      {"admin: off\n",
       {"1:8: admin: expected a mapping with enabled, address, socket, token, audit_log, got \"off\""}},
      {"admin: {address: localhost}\n",
       {"1:18: admin.address: needs a port, for example 127.0.0.1:8080, or unix: before a path, got "
        "\"localhost\""}},
      {"admin: {address: \"[::x]:1\"}\n",
       {"1:18: admin.address: has no IPv6 address between its brackets, got \"[::x]:1\""}},
      {"admin:\n  address: [\"::\"]\n", {"2:12: admin.address: expected an address, got a list"}},
      {"observability: {log: {level: warn}}\n",
       {"1:30: observability.log.level: must be one of debug, info, warning, error, got \"warn\"; did you "
        "mean "
        "warning?"}},
      {"observability: {access_log: {file: \"\"}}\n",
       {"1:36: observability.access_log.file: must not be empty or hold a control character, got \"\""}},
      {"listeners: {name: public}\n", {"1:12: listeners: expected a list, got a mapping"}},
      {"listeners: [{name: a b, address: a:1}]\n",
       {"1:20: listeners[0].name: must be 1 to 64 letters, digits or - _ . : / [ ], got \"a b\""}},
      {"listeners: [{name: a, address: a:1, http: {head_timeout: 10}}]\n",
       {"1:58: listeners[0].http.head_timeout: needs a unit, got \"10\"; write for example 250ms, 5s or "
        "10m"}},
      {"listeners: [{name: a, address: a:1, http: {head_timeout: 10 s}}]\n",
       {"1:58: listeners[0].http.head_timeout: has an unknown unit \" s\", got \"10 s\"; write for example "
        "250ms, 5s or 10m"}},
      {"listeners: [{name: a, address: a:1, http: {head_timeout: 0}}]\n",
       {"1:58: listeners[0].http.head_timeout: must be from 1ms to 1h, got 0"}},
      {"listeners: [{name: a, address: a:1, http: {head_timeout: soon}}]\n",
       {"1:58: listeners[0].http.head_timeout: is not a duration, got \"soon\"; write for example 250ms, 5s "
        "or "
        "10m"}},
  });
}

TEST(BrokenFile, RoutesAreChecked) {
  expect_sections({
      {"routes: [{match: {path: /v1/}, clusters: [{name: models}]}]\n",
       {"1:25: routes[0].match.path: expected a mapping with exact, prefix, regex, got \"/v1/\""}},
      {"routes: [{match: {path: {exact: /a, prefix: /}}, clusters: [{name: models}]}]\n",
       {"1:45: routes[0].match.path.prefix: cannot stand beside exact; keep one of the two"}},
      {"routes: [{match: {path: {prefix: v1}}, clusters: [{name: models}]}]\n",
       {"1:34: routes[0].match.path.prefix: must start with / and hold no space, ? or #, got \"v1\""}},
      {"routes: [{match: {path: {prefix: /}, methods: [post]}, clusters: [{name: models}]}]\n",
       {"1:48: routes[0].match.methods[0]: must be one of GET, HEAD, POST, PUT, DELETE, PATCH and OPTIONS, "
        "got "
        "\"post\""}},
      {"routes: [{match: {path: {prefix: /}, methods: GET}, clusters: [{name: models}]}]\n",
       {"1:47: routes[0].match.methods: expected a list, got \"GET\""}},
      {"routes: [{match: {path: {prefix: /}, model: [a, {b: 1}]}, clusters: [{name: models}]}]\n",
       {"1:49: routes[0].match.model[1]: expected a text, got a mapping"}},
      {"routes: [{match: {path: {prefix: /}}, clusters: [{name: modles}]}]\n",
       {"1:57: routes[0].clusters[0].name: no cluster is named \"modles\"; did you mean models?"}},
      {"routes: [{match: {path: {prefix: /}}, clusters: [{name: elsewhere}]}]\n",
       {"1:57: routes[0].clusters[0].name: no cluster is named \"elsewhere\"; known here: models"}},
      {"routes: [{match: {path: {prefix: /}}, clusters: []}]\n",
       {"1:49: routes[0].clusters: needs at least one cluster with a weight above 0"}},
      {"routes: [{match: {path: {prefix: /}}, clusters: [models]}]\n",
       {"1:50: routes[0].clusters[0]: expected a mapping with name, weight, served_as, tags, got "
        "\"models\""}},
      {"routes: [{match: {path: {prefix: /}}, clusters: [{name: models}, {name: models}]}]\n",
       {"1:73: routes[0].clusters[1].name: \"models\" is already taken by routes[0].clusters[0] in line 1; "
        "name each cluster once, with its whole weight"}},
      {"routes: [{match: {path: {prefix: /}}, clusters: [{name: models, weight: 0}]}]\n",
       {"1:49: routes[0].clusters: needs at least one cluster with a weight above 0"}},
      {"routes: [{match: {path: {prefix: /}}, clusters: [{name: models, weight: -1}]}]\n",
       {"1:73: routes[0].clusters[0].weight: must be from 0 to 1000000, got -1"}},
      {"routes:\n  - match: {path: {prefix: /}}\n    clusters: [{name: models}]\n    timeouts: {connect: "
       "5}\n",
       {"4:25: routes[0].timeouts.connect: needs a unit, got \"5\"; write for example 250ms, 5s or 10m"}},
      {"routes:\n  - match: {path: {prefix: /}}\n    clusters: [{name: models}]\n    timeouts: "
       "{between_tokens: "
       "11m}\n",
       {"4:32: routes[0].timeouts.between_tokens: must not exceed total (10m, the default), got 11m; lower "
        "it, or raise total"}},
      {"routes:\n  - match: {path: {prefix: /}}\n    clusters: [{name: models}]\n    timeouts: {total: "
       "40s}\n",
       {"4:15: routes[0].timeouts.first_content: must not exceed total (40s), got 1m, the default; lower it, "
        "or raise total"}},
      {"routes:\n  - match: {path: {prefix: /}}\n    clusters: [{name: models}]\n    retry: {attempts: 11}\n",
       {"4:23: routes[0].retry.attempts: must be from 1 to 10, got 11"}},
      {"routes:\n  - match: {path: {prefix: /}}\n    clusters: [{name: models}]\n    max_body_bytes: 1\n",
       {"4:21: routes[0].max_body_bytes: needs a unit, got \"1\"; write for example 512B, 64KiB or 16MiB"}},
  });
}

TEST(BrokenFile, NamesAndAddressesAreTakenOnce) {
  expect_sections({
      {"listeners:\n  - {name: a, address: h:1}\n  - {name: a, address: h:2}\n",
       {"3:12: listeners[1].name: \"a\" is already taken by listeners[0] in line 2; choose another"}},
      {"listeners:\n  - {name: a, address: Host:1}\n  - {name: b, address: host:1}\n",
       {"3:24: listeners[1].address: host:1 is already taken by listeners[0].address in line 2; choose "
        "another"}},
      {"admin: {address: 127.0.0.1:8080}\n",
       {"3:37: listeners[0].address: 127.0.0.1:8080 is already taken by admin.address in line 1; choose "
        "another"}},
      {"listeners: [{name: a, address: 127.0.0.1:9901}]\n",
       {"1:32: listeners[0].address: 127.0.0.1:9901 is the default of admin.address; choose another, or set "
        "admin.address"}},
      {"clusters:\n  - {name: models, endpoints: [{address: h:1}]}\n  - {name: models, endpoints: [{address: "
       "h:1}]}\n",
       {"3:12: clusters[1].name: \"models\" is already taken by clusters[0] in line 2; choose another"}},
      {"clusters:\n  - name: models\n    endpoints:\n      - address: h:1\n      - address: h:1\n",
       {"5:18: clusters[0].endpoints[1].address: h:1 is already taken by clusters[0].endpoints[0] in line "
        "4; keep one, with the weight of both"}},
      {"clusters: [{name: models, endpoints: [{address: h:0}]}]\n",
       {"1:49: clusters[0].endpoints[0].address: needs a port other than 0, which only a listener can have"}},
      {"clusters: [{name: models, endpoints: [{address: h:1, weight: 0}]}]\n",
       {"1:38: clusters[0].endpoints: needs at least one endpoint with a weight above 0"}},
      {"routes:\n"
       "  - {name: x, match: {path: {exact: /a}}, clusters: [{name: models}]}\n"
       "  - {name: x, match: {path: {exact: /b}}, clusters: [{name: models}]}\n",
       {"3:12: routes[1].name: \"x\" is already taken by routes[0] in line 2; choose another"}},
      {"routes:\n"
       "  - {name: 'routes[1]', match: {path: {exact: /a}}, clusters: [{name: models}]}\n"
       "  - {match: {path: {exact: /b}}, clusters: [{name: models}]}\n",
       {"3:5: routes[1].name: \"routes[1]\" is already taken by routes[0] in line 2; choose another"}},
  });
}

TEST(BrokenFile, AllErrorsComeAtOnceAndInTheOrderOfTheFile) {
  expect_all(
      {{"routes:\n"
        "  - match: {path: {exact: v1}}\n"
        "    clusters: [{name: modles, weight: x}]\n"
        "    timeouts: {conect: 5s, total: 5}\n"
        "version: 1\n"
        "listeners:\n"
        "  - {name: a, address: h:1}\n"
        "  - {name: a, address: h:1}\n"
        "clusters:\n"
        "  - name: models\n"
        "    endpoints: [{address: h}]\n"
        "    pool: {max_idle: -1}\n"
        "limits: []\n",
        {"2:27: routes[0].match.path.exact: must start with / and hold no space, ? or #, got \"v1\"",
         "3:23: routes[0].clusters[0].name: no cluster is named \"modles\"; did you mean models?",
         "3:39: routes[0].clusters[0].weight: is not a whole number, got \"x\"",
         "4:16: routes[0].timeouts: unknown key \"conect\"; did you mean connect?",
         "4:35: routes[0].timeouts.total: needs a unit, got \"5\"; write for example 250ms, 5s or 10m",
         "8:12: listeners[1].name: \"a\" is already taken by listeners[0] in line 7; choose another",
         "8:24: listeners[1].address: h:1 is already taken by listeners[0].address in line 7; choose another",
         "11:27: clusters[0].endpoints[0].address: needs a port, for example 127.0.0.1:8080, or unix: "
         "before a path, got \"h\"",
         "12:22: clusters[0].pool.max_idle: must be from 0 to 100000, got -1",
         "13:9: limits: expected a mapping with max_streams, stream_buffer_bytes, got a list"}}});
}

TEST(BrokenFile, OneMistakeIsToldOnce) {
  expect_sections({
      // The routes refer to clusters that could not be read.
      {"clusters: nothing\n", {"1:11: clusters: expected a list, got \"nothing\""}},
      {"clusters: [{nam: models, endpoints: [{address: h:1}]}]\n",
       {"1:13: clusters[0]: unknown key \"nam\"; did you mean name?"}},
      // Two listeners without a readable name or address have nothing in common.
      {"listeners: [{name: [], address: x}, {name: [], address: x}]\n",
       {"1:20: listeners[0].name: expected a text, got a list",
        "1:33: listeners[0].address: needs a port, for example 127.0.0.1:8080, or unix: before a path, got "
        "\"x\"",
        "1:44: listeners[1].name: expected a text, got a list",
        "1:57: listeners[1].address: needs a port, for example 127.0.0.1:8080, or unix: before a path, got "
        "\"x\""}},
  });
}

TEST(SuspiciousFile, LoadsWithAWarning) {
  expect_sections(
      {
          {"clusters:\n"
           "  - {name: models, endpoints: [{address: h:1}]}\n"
           "  - {name: spare, endpoints: [{address: h:2}]}\n",
           {"3:12: warning: clusters[1].name: no route uses cluster \"spare\"; remove it, or name it in a "
            "route's clusters"}},
          {"routes:\n"
           "  - {match: {path: {prefix: /v1/}, model: [a, b]}, clusters: [{name: models}]}\n"
           "  - {match: {path: {exact: /v1/x}, model: b, methods: [POST]}, clusters: [{name: models}]}\n",
           {"3:5: warning: routes[1]: never matches: routes[0] in line 2 takes all of its requests; move it "
            "above that, or remove it"}},
          {"routes:\n"
           "  - {match: {path: {prefix: /}}, clusters: [{name: models}]}\n"
           "  - {match: {path: {prefix: /v1}}, clusters: [{name: models}]}\n"
           "  - {match: {path: {prefix: /}, model: a}, clusters: [{name: models}]}\n",
           {"3:5: warning: routes[1]: never matches: routes[0] in line 2 takes all of its requests; move it "
            "above that, or remove it",
            "4:5: warning: routes[2]: never matches: routes[0] in line 2 takes all of its requests; move it "
            "above that, or remove it"}},
          // None of these covers a later one.
          {"routes:\n"
           "  - {match: {path: {exact: /v1/}}, clusters: [{name: models}]}\n"
           "  - {match: {path: {prefix: /v1/}, model: a}, clusters: [{name: models}]}\n"
           "  - {match: {path: {prefix: /v1/}, model: [a, b], methods: [GET]}, clusters: [{name: models}]}\n"
           "  - {match: {path: {prefix: /v1/}, methods: [GET, POST]}, clusters: [{name: models}]}\n"
           "  - {match: {path: {prefix: /v1/}}, clusters: [{name: models}]}\n",
           {}},
      },
      true);
}

}  // namespace
}  // namespace sluice::config
