#pragma once

#include <string>
#include <string_view>

#include "gateway/base/json_escape.h"
#include "gateway/http/head.h"
#include "gateway/runtime/task.h"

namespace sluice {

class Gateway;

// A request for one of the operators' pages, read whole. Outlives the task that answers it.
struct AdminRequest {
  std::string_view subject;  // what stands in the path where its route has `{}`
  std::string_view query;    // with its '?', empty if there is none
  std::string body;
  std::string who;  // peer and how it was let in, for logs
};

struct AdminPage {
  int status = 200;
  std::string_view type = "text/plain; charset=utf-8";
  std::string body = {};

  static constexpr std::string_view kJson = "application/json";
  static AdminPage json(std::string body, int status = 200) { return {status, kJson, std::move(body)}; }
  // An error in the shape of every other answer in JSON: {"error":"..."}.
  static AdminPage error(int status, std::string_view what);
};

inline std::string json_quoted(std::string_view text) {
  std::string out = "\"";
  json_escape(text, out);
  out.push_back('"');
  return out;
}

// One page: what it answers to, what it does to the gateway, and how.
struct AdminRoute {
  Method method;
  std::string_view path;    // one segment may be `{}`: any text, the request's subject
  bool open = false;        // answered without a token
  std::string_view change;  // what it changes, for the audit log; empty: nothing
  Task<AdminPage> (*serve)(Gateway& gateway, const AdminRequest& request);
};

// How a path was found: no route has it, or none with this method, or one has.
struct AdminMatch {
  const AdminRoute* route = nullptr;
  std::string_view subject = {};
  std::string allow = {};  // the methods of the path's routes, where only the method is wrong
};

AdminMatch match_admin_route(Method method, std::string_view path);

// The value of `key` in a query, percent-decoded; empty if it is not there.
std::string query_value(std::string_view query, std::string_view key);

// The pages, by what they are about; router.cc lists them.
Task<AdminPage> live_page(Gateway&, const AdminRequest&);
Task<AdminPage> ready_page(Gateway&, const AdminRequest&);
Task<AdminPage> status_page(Gateway&, const AdminRequest&);
Task<AdminPage> metrics_page(Gateway&, const AdminRequest&);
Task<AdminPage> clusters_page(Gateway&, const AdminRequest&);
Task<AdminPage> config_page(Gateway&, const AdminRequest&);
Task<AdminPage> diff_page(Gateway&, const AdminRequest&);
Task<AdminPage> explain_page(Gateway&, const AdminRequest&);
Task<AdminPage> streams_page(Gateway&, const AdminRequest&);
Task<AdminPage> kill_page(Gateway&, const AdminRequest&);
Task<AdminPage> reload_page(Gateway&, const AdminRequest&);
Task<AdminPage> drain_page(Gateway&, const AdminRequest&);
Task<AdminPage> log_level_page(Gateway&, const AdminRequest&);
Task<AdminPage> set_log_level_page(Gateway&, const AdminRequest&);

}  // namespace sluice
