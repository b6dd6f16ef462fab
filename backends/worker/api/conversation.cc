#include "backends/worker/api/conversation.h"

#include <fmt/format.h>

#include <utility>

#include "gateway/llm/text/jinja/value_json.h"

namespace sluice::worker {
namespace {

// The texts of a list of parts, a line each: templates of this kind take a string.
jinja::Value joined_text(RequestFields& body, const jinja::List& parts, const std::string& path) {
  std::string text;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) text += '\n';
    if (parts[i].text() != nullptr) {
      text += *parts[i].text();
      continue;
    }
    const std::string at = fmt::format("{}.content.{}", path, i);
    const jinja::Dict* part = parts[i].dict();
    if (part == nullptr) {
      body.refuse(schema_error("dict_type", "body." + at, "Input should be a valid dictionary"));
      return {};
    }
    const jinja::Value* type = part->find("type");
    const jinja::Value* content = part->find("text");
    if (type != nullptr && type->text() != nullptr && *type->text() != "text") {
      body.refuse(rule_error(fmt::format("This model takes text only, not a part of type {}.", *type->text()),
                             "messages"));
      return {};
    }
    if (content == nullptr || content->text() == nullptr) {
      body.refuse(schema_error("missing", "body." + at + ".text", "Field required"));
      return {};
    }
    text += *content->text();
  }
  return text;
}

// Templates print the arguments of earlier calls as an object; the wire carries them as a string.
jinja::Value with_parsed_arguments(const jinja::Value& call) {
  if (call.dict() == nullptr) return call;
  const jinja::Value* function = call.dict()->find("function");
  if (function == nullptr || function->dict() == nullptr) return call;
  const jinja::Value* arguments = function->dict()->find("arguments");
  if (arguments == nullptr || arguments->text() == nullptr) return call;
  Result<jinja::Value> parsed =
      jinja::parse_json_value(arguments->text()->empty() ? "{}" : *arguments->text());
  if (!parsed) return call;
  jinja::Dict edited_function = *function->dict();
  edited_function.set("arguments", std::move(*parsed));
  jinja::Dict edited = *call.dict();
  edited.set("function", std::move(edited_function));
  return edited;
}

jinja::Value normalised(RequestFields& body, const jinja::Value& message, const std::string& path) {
  const jinja::Dict* members = message.dict();
  if (members == nullptr) {
    body.refuse(schema_error("dict_type", "body." + path, "Input should be a valid dictionary"));
    return {};
  }
  const jinja::Value* role = members->find("role");
  if (role == nullptr || role->text() == nullptr) {
    body.refuse(schema_error(role == nullptr ? "missing" : "string_type", "body." + path + ".role",
                             role == nullptr ? "Field required" : "Input should be a valid string"));
    return {};
  }
  jinja::Dict result;
  result.set("role", *role);
  result.set("content", "");
  for (const auto& [name, value] : members->entries()) {
    if (name == "content") {
      if (value.list() != nullptr) {
        result.set(name, joined_text(body, *value.list(), path));
      } else if (value.text() != nullptr) {
        result.set(name, value);
      } else if (!value.is_none()) {
        body.refuse(
            schema_error("string_type", "body." + path + ".content", "Input should be a valid string"));
      }
    } else if (name == "tool_calls" && value.list() != nullptr) {
      jinja::List calls;
      for (const jinja::Value& call : *value.list())
        calls.push_back(with_parsed_arguments(call));
      if (!calls.empty()) result.set(name, std::move(calls));
    } else {
      result.set(name == "reasoning_content" ? "reasoning" : name, value);
    }
  }
  return result;
}

void read_template_variables(RequestFields& body, jinja::Dict& variables) {
  for (const std::string_view name : {"documents", "reasoning_effort"}) {
    if (const jinja::Value* value = body.find(name)) variables.set(std::string(name), *value);
  }
  if (const jinja::Dict* extra = body.object("chat_template_kwargs")) {
    for (const auto& [name, value] : extra->entries())
      variables.set(name, value);
  }
}

}  // namespace

Conversation read_conversation(RequestFields& body, bool add_generation_prompt) {
  Conversation conversation;
  if (!body.has("messages")) body.mistype("missing", "messages", "Field required");
  if (const jinja::List* messages = body.list("messages")) {
    for (std::size_t i = 0; i < messages->size(); ++i) {
      conversation.messages.push_back(normalised(body, (*messages)[i], fmt::format("messages.{}", i)));
    }
  }
  conversation.add_generation_prompt = body.flag("add_generation_prompt", add_generation_prompt);
  conversation.add_special_tokens = body.flag("add_special_tokens", false);
  conversation.continue_final_message = body.flag("continue_final_message", false);
  if (conversation.continue_final_message && conversation.add_generation_prompt) {
    body.refuse(rule_error("Cannot set both `continue_final_message` and `add_generation_prompt` to True.",
                           "continue_final_message"));
  }
  if (body.has("chat_template")) {
    body.refuse(rule_error("A chat template in the request is not trusted by this server.", "chat_template"));
  }
  read_template_variables(body, conversation.template_variables);
  return conversation;
}

}  // namespace sluice::worker
