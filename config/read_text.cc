#include "config/read_text.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

#include "config/reader.h"
#include "config/source_text.h"
#include "config/yaml_tree.h"

namespace sluice::config {
namespace {

ReadOutcome refuse(const SourceText& source, std::string file_name, const TextFault& fault) {
  Problems problems(source, std::move(file_name));
  problems.error_at(fault.position, "", fault.message);
  return {.diagnostics = problems.take()};
}

}  // namespace

ReadOutcome refuse_file(const std::string& path, std::string message) {
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

ReadOutcome read_text(std::string_view text, std::string file_name, const DocumentKind& kind, void* object,
                      const std::function<void(Problems&)>& check) {
  if (text.size() > kMaxFileBytes)
    return refuse_file(file_name, "is larger than 1MiB, the limit of a configuration");
  const SourceText source(text);
  if (const auto fault = source.find_fault()) return refuse(source, std::move(file_name), *fault);
  const auto document = parse_yaml(source);
  if (!document) return refuse(source, std::move(file_name), document.error());
  if (document->kind == Node::Kind::kNull && document->refusal.empty())
    return refuse_file(file_name, fmt::format("is empty; it needs at least {}", kind.required));

  Problems problems(source, std::move(file_name));
  read_document(kind.record, *document, object, problems);
  check(problems);
  const bool ok = !problems.any_error();
  return {.ok = ok, .diagnostics = problems.take()};
}

}  // namespace sluice::config
