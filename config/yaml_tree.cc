#include "config/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <exception>
#include <optional>
#include <sstream>
#include <utility>

namespace sluice::config {
namespace {

constexpr std::string_view kAnchorRefusal =
    "anchors, aliases and merge keys are not supported; write the value out";
constexpr std::string_view kTagRefusal = "YAML tags are not supported; leave the tag out";

// yaml-cpp counts from 0.
Position place_of(const YAML::Mark& mark) {
  return {mark.line + 1, mark.column + 1};
}

// Thrown through yaml-cpp, which is left in a destructible state, and caught in parse_yaml.
struct Refused {
  TextFault fault;
};

// Builds the tree from yaml-cpp's events. Its own node classes would do less: they forget duplicate keys,
// hide aliases, and recurse as deeply as the file wants.
class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(const SourceText& source) : source_(source) {}

  std::optional<Node> take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (root_)
      refuse(mark, "a second YAML document starts here; a configuration is one document, so remove it");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(make(Node::Kind::kNull, mark, "", anchor));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(make(Node::Kind::kNull, mark, "", anchor));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Node node = make(Node::Kind::kScalar, mark, tag, anchor);
    node.text = value;
    node.quoted = tag == "!";
    if (node.quoted && !ends_on_its_line(mark))
      refuse(mark, "a quoted text that starts here does not end on its line; close it with the same quote");
    add(std::move(node));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    open(make(Node::Kind::kList, mark, tag, anchor), mark);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    open(make(Node::Kind::kMap, mark, tag, anchor), mark);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Frame {
    Node node;
    std::optional<Node> key;  // of a map, while its value is awaited
  };

  [[noreturn]] void refuse(const YAML::Mark& mark, std::string message) const {
    throw Refused{{place_of(mark), std::move(message)}};
  }

  // yaml-cpp gives "?" as the tag of a plain scalar or an untagged collection, "!" for a quoted one.
  Node make(Node::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (++values_ > kMaxValues)
      refuse(mark, "more than " + std::to_string(kMaxValues) + " values in one file");
    Node node;
    node.kind = kind;
    node.position = place_of(mark);
    if (!tag.empty() && tag != "?" && tag != "!") node.refusal = kTagRefusal;
    if (anchor != 0) node.refusal = kAnchorRefusal;
    return node;
  }

  // yaml-cpp takes the end of the file for the end of a quoted text, so a forgotten quote would pass.
  bool ends_on_its_line(const YAML::Mark& mark) const {
    const std::string_view line = source_.line(mark.line + 1);
    const auto start = static_cast<std::size_t>(mark.column);
    if (start >= line.size()) return true;
    const char quote = line[start];
    if (quote != '"' && quote != '\'') return true;  // a block scalar
    for (std::size_t i = start + 1; i < line.size(); ++i) {
      if (quote == '"' && line[i] == '\\') {
        ++i;
      } else if (line[i] == quote) {
        if (quote == '"' || i + 1 >= line.size() || line[i + 1] != '\'') return true;
        ++i;
      }
    }
    return false;
  }

  void open(Node node, const YAML::Mark& mark) {
    if (frames_.size() >= kMaxDepth)
      refuse(mark, "nested more than " + std::to_string(kMaxDepth) + " levels deep");
    frames_.push_back({std::move(node), std::nullopt});
  }

  void close() {
    Node node = std::move(frames_.back().node);
    frames_.pop_back();
    add(std::move(node));
  }

  void add(Node node) {
    if (frames_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& frame = frames_.back();
    if (frame.node.kind == Node::Kind::kList) {
      frame.node.items.push_back(std::move(node));
    } else if (!frame.key) {
      frame.key = std::move(node);
    } else {
      // yaml-cpp places a missing value at the token after it, which may be lines below.
      if (node.kind == Node::Kind::kNull) node.position = frame.key->position;
      if (frame.key->text == "<<") frame.key->refusal = kAnchorRefusal;
      frame.node.entries.push_back({std::move(*frame.key), std::move(node)});
      frame.key.reset();
    }
  }

  const SourceText& source_;
  std::optional<Node> root_;
  std::vector<Frame> frames_;
  std::size_t values_ = 0;
};

// yaml-cpp's messages name its own productions; these say what the writer of the file can look for.
std::string explain(const YAML::Exception& error) {
  const std::string_view message = error.msg;
  if (message == YAML::ErrorMsg::MAP_VALUE) {
    return R"(a ":" where no key can stand; check the indentation, or quote a value that contains ": ")";
  }
  if (message == YAML::ErrorMsg::END_OF_MAP || message == YAML::ErrorMsg::END_OF_SEQ) {
    return "does not continue the block above; check the indentation, or quote a value that starts with [ or "
           "{";
  }
  if (message == YAML::ErrorMsg::END_OF_MAP_FLOW || message == YAML::ErrorMsg::END_OF_SEQ_FLOW) {
    return "expected a comma or the closing bracket; quote a value that contains [ ] { } or a comma";
  }
  if (message == YAML::ErrorMsg::UNKNOWN_TOKEN) return "no value can start like this; put it in quotes";
  if (message.starts_with(YAML::ErrorMsg::UNKNOWN_ANCHOR)) return std::string(kAnchorRefusal);
  return "not valid YAML: " + std::string(message);
}

}  // namespace

std::expected<Node, TextFault> parse_yaml(const SourceText& source) {
  TreeBuilder builder(source);
  try {
    std::istringstream stream(source.text());
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Refused& refused) {
    return std::unexpected(refused.fault);
  } catch (const YAML::Exception& error) {
    return std::unexpected(TextFault{place_of(error.mark), explain(error)});
  } catch (const std::exception& error) {
    return std::unexpected(TextFault{{}, std::string("not valid YAML: ") + error.what()});
  }
  return builder.take().value_or(Node{});
}

}  // namespace sluice::config
