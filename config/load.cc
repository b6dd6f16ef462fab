#include "config/load.h"

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <expected>
#include <memory>
#include <utility>

#include "config/describe.h"
#include "config/problems.h"
#include "config/reader.h"
#include "config/source_text.h"
#include "config/validate.h"
#include "config/yaml_tree.h"

namespace sluice::config {
namespace {

constexpr std::size_t kMaxFileBytes = 1024 * 1024;
constexpr const char* kTooLarge = "is larger than 1MiB, the limit of a configuration";

LoadResult refuse(const SourceText& source, std::string file_name, const TextFault& fault) {
  Problems problems(source, std::move(file_name));
  problems.error_at(fault.position, "", fault.message);
  return {.diagnostics = problems.take()};
}

LoadResult refuse_file(const std::string& path, std::string message) {
  return refuse(SourceText(""), path, {.message = std::move(message)});
}

// Reads one byte more than the limit at most, so that a device or a growing file cannot fill the memory.
std::expected<std::string, std::string> read_file(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (!file) return std::unexpected(std::string("cannot be opened: ") + std::strerror(errno));
  std::string text(kMaxFileBytes + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0)
    return std::unexpected(std::string("cannot be read: ") + std::strerror(errno));
  return text;
}

void name_routes(Config& config, const Problems& problems) {
  for (std::size_t i = 0; i < config.routes.size(); ++i) {
    const std::string path = index_path("routes", i);
    if (!problems.is_placed(path + ".name")) config.routes[i].name = path;
  }
}

}  // namespace

LoadResult load_text(std::string_view text, std::string file_name) {
  if (text.size() > kMaxFileBytes) return refuse_file(file_name, kTooLarge);
  const SourceText source(text);
  if (const auto fault = source.find_fault()) return refuse(source, std::move(file_name), *fault);
  const auto document = parse_yaml(source);
  if (!document) return refuse(source, std::move(file_name), document.error());
  if (document->kind == Node::Kind::kNull && document->refusal.empty()) {
    return refuse_file(file_name, "is empty; it needs at least version, listeners, clusters and routes");
  }

  Problems problems(source, std::move(file_name));
  Config config;
  read_document(config_struct(), *document, &config, problems);
  name_routes(config, problems);
  validate(config, problems);

  LoadResult result;
  if (!problems.any_error()) result.config = std::move(config);
  result.diagnostics = problems.take();
  return result;
}

LoadResult load_file(const std::string& path) {
  const auto text = read_file(path);
  return text ? load_text(*text, path) : refuse_file(path, text.error());
}

}  // namespace sluice::config
