#pragma once

#include <string>
#include <string_view>

#include "gateway/app/sluicectl/admin_client.h"
#include "gateway/app/sluicectl/json_value.h"

namespace sluice::ctl {

enum class Format { kTable, kJson, kYaml };

// The commands that ask one thing and print what they get. Each returns the exit status; what went wrong
// stands on standard error. Threads: one.
class Commands {
 public:
  Commands(AdminClient& client, Format format) : client_(client), format_(format) {}

  // Prints a page of JSON; as a table made by `table`.
  int show(Method method, std::string_view target, std::string (*table)(const JsonValue&),
           std::string_view body = {});
  // Prints a page of text as it comes. A page that says no (/ready) ends with kExitNo.
  int show_text(std::string_view target);

  // The streams that fit the query (`?cluster=models`), anew each second if `watch`, until Ctrl-C.
  int streams(const std::string& query, bool watch);
  int reload();
  // As diff(1): kExitDone without, kExitNo with differences; kExitUsage where the file has errors.
  int diff(const std::string& path);

 private:
  int print(const Answer& answer, std::string (*table)(const JsonValue&)) const;

  AdminClient& client_;
  Format format_;
};

// A query's value: everything but letters, digits and `-._~` as %XX.
std::string percent_encoded(std::string_view text);

}  // namespace sluice::ctl
