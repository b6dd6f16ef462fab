#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "config/documents.h"

// sluice-config-reference [--check] REFERENCE.md SCHEMA.json
// Writes the reference and the schema, or with --check fails if the files differ from what it would write.
namespace {

bool is_current(const std::string& path, const std::string& wanted) {
  std::ifstream in(path, std::ios::binary);
  const std::string found{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (in && found == wanted) return true;
  fmt::print(stderr, "{} is stale; run sluice-config-reference without --check\n", path);
  return false;
}

bool write(const std::string& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary);
  out << text;
  out.close();
  if (out) return true;
  fmt::print(stderr, "{} cannot be written\n", path);
  return false;
}

int run(int argc, char** argv) {
  const bool check = argc > 1 && std::string_view(argv[1]) == "--check";
  const int first = check ? 2 : 1;
  if (argc != first + 2) {
    fmt::print(stderr, "usage: sluice-config-reference [--check] REFERENCE.md SCHEMA.json\n");
    return 2;
  }
  const auto act = check ? is_current : write;
  const bool reference_ok = act(argv[first], sluice::config::reference_markdown());
  const bool schema_ok = act(argv[first + 1], sluice::config::json_schema());
  return reference_ok && schema_ok ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fputs(error.what(), stderr);
    return 1;
  }
}
