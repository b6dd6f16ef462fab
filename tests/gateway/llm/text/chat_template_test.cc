#include "gateway/llm/text/chat_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "gateway/llm/text/jinja/value_json.h"
#include "gateway/llm/text/text_file.h"
#include "tests/gateway/llm/text/test_vocabulary.h"

namespace sluice::text {
namespace {

using ::testing::HasSubstr;

Result<std::string> render(std::string_view source, const jinja::Dict& variables = {},
                           const jinja::RenderLimits& limits = {},
                           const jinja::StrftimeNow& strftime_now = {}) {
  const auto parsed = ChatTemplate::parse(source);
  if (!parsed) return fail(parsed.error());
  return parsed->render(variables, limits, strftime_now);
}

std::string refusal(std::string_view source, const jinja::RenderLimits& limits = {}) {
  const auto rendered = render(source, {}, limits);
  return rendered ? "rendered: " + *rendered : rendered.error().detail();
}

TEST(ChatTemplate, RendersAsJinja2Does) {
  const auto goldens =
      jinja::parse_json_value(read_text_file(fixture("templates.goldens.json"), 1 << 24).value());
  ASSERT_TRUE(goldens.has_value());
  int compared = 0;
  for (const jinja::Value& golden : *goldens->list()) {
    const jinja::Dict& entry = *golden.dict();
    const std::string& source = *entry.find("template")->text();
    const auto rendered = render(source, *entry.find("variables")->dict(), {},
                                 [](std::string_view format) { return "at " + std::string(format); });
    if (const jinja::Value* expected = entry.find("output")) {
      EXPECT_EQ(rendered ? *rendered : "error: " + rendered.error().detail(), *expected->text()) << source;
    } else {
      EXPECT_FALSE(rendered.has_value()) << source << "\nrendered " << *rendered;
    }
    ++compared;
  }
  EXPECT_GE(compared, 120);
}

TEST(ChatTemplate, WhatTheSubsetLacksIsRefusedAtLoadWithItsLine) {
  const auto refused = [](std::string_view source) {
    const auto parsed = ChatTemplate::parse(source);
    EXPECT_FALSE(parsed.has_value()) << source;
    if (!parsed) EXPECT_EQ(parsed.error().kind, ErrorKind::kConfig);
    return parsed ? std::string() : parsed.error().detail();
  };
  EXPECT_EQ(refused("a\nb\n{% macro m() %}{% endmacro %}"),
            "chat template, line 3: the statement macro is not supported");
  EXPECT_THAT(refused("\n{% include 'x' %}"), HasSubstr("line 2: the statement include"));
  EXPECT_THAT(refused("{% import 'x' as y %}"), HasSubstr("statement import"));
  EXPECT_THAT(refused("{% extends 'x' %}"), HasSubstr("statement extends"));
  EXPECT_THAT(refused("{{ x | xmlattr }}"), HasSubstr("filter xmlattr"));
  EXPECT_THAT(refused("{{ x is filter }}"), HasSubstr("test filter"));
  EXPECT_THAT(refused("{% for x in y recursive %}{% endfor %}"), HasSubstr("recursive"));
  EXPECT_THAT(refused("{% if x %}"), HasSubstr("endif is missing"));
  EXPECT_THAT(refused("{% endif %}"), HasSubstr("statement endif"));
  EXPECT_THAT(refused("{% break %}"), HasSubstr("outside a loop"));
  EXPECT_THAT(refused("\n\n{{ 'x }}"), HasSubstr("line 3: a string does not end"));
  EXPECT_THAT(refused("{{ x"), HasSubstr("does not end"));
  EXPECT_THAT(refused("{# x"), HasSubstr("comment does not end"));
  EXPECT_THAT(refused("{{ 99999999999999999999 }}"), HasSubstr("too large"));
  EXPECT_THAT(refused("\xFF"), HasSubstr("not UTF-8"));
}

TEST(ChatTemplate, TheTemplatesOwnExceptionReachesTheCaller) {
  const auto rendered = render("\n{{ raise_exception('roles must alternate') }}");
  ASSERT_FALSE(rendered.has_value());
  EXPECT_EQ(rendered.error().kind, ErrorKind::kInvalidBody);
  EXPECT_EQ(rendered.error().detail(), "chat template, line 2: roles must alternate");
}

std::string many(const std::string& piece, int times) {
  std::string all;
  for (int i = 0; i < times; ++i)
    all += piece;
  return all;
}

TEST(ChatTemplate, NestingCannotExhaustTheStack) {
  EXPECT_THAT(refusal("{{ " + many("(", 100000) + "1 }}"), HasSubstr("nested too deeply"));
  EXPECT_THAT(refusal("{{ " + many("[", 100000) + "1 }}"), HasSubstr("nested too deeply"));
  EXPECT_THAT(refusal("{{ " + many("not ", 100000) + "1 }}"), HasSubstr("nested too deeply"));
  EXPECT_THAT(refusal("{{ " + many("-", 100000) + "1 }}"), HasSubstr("nested too deeply"));
  EXPECT_THAT(refusal("{{ 1" + many(" + 1", 100000) + " }}"), HasSubstr("too long"));
  EXPECT_THAT(refusal("{{ x" + many(".x", 100000) + " }}"), HasSubstr("too long"));
  EXPECT_THAT(refusal("{{ x" + many(" | trim", 100000) + " }}"), HasSubstr("too long"));
  EXPECT_THAT(refusal(many("{% if 1 %}", 100000)), HasSubstr("nested too deeply"));
  EXPECT_THAT(
      refusal("{% set n = namespace(v=[]) %}{% for i in range(100000) %}{% set n.v = [n.v] %}{% endfor %}"),
      HasSubstr("nested too deeply"));
  EXPECT_THAT(refusal("{% set n = namespace() %}{% set n.x = [n] %}"),
              HasSubstr("a namespace cannot be stored"));
  EXPECT_THAT(refusal("{% set n = namespace() %}{% set n.x = n %}"),
              HasSubstr("a namespace cannot be stored"));
  EXPECT_THAT(refusal("{% set n = namespace() %}{% set m = namespace(x=n) %}"),
              HasSubstr("a namespace cannot be stored"));
  EXPECT_FALSE(jinja::parse_json_value(many("[", 1000) + many("]", 1000)).has_value());
}

TEST(ChatTemplate, TimeAndMemoryAreLimited) {
  const std::string doubling =
      "{% set n = namespace(v='x') %}{% for i in range(100) %}{% set n.v = n.v + n.v %}{% endfor %}";
  EXPECT_THAT(refusal(doubling), HasSubstr("too large"));
  EXPECT_THAT(refusal("{% set n = namespace(v=[1]) %}{% for i in range(90) %}{% set n.v = [n.v, n.v] %}{% "
                      "endfor %}{{ n.v }}"),
              HasSubstr("too large"));
  EXPECT_THAT(refusal("{{ 'x' * 10000000000 }}"), HasSubstr("too long"));
  EXPECT_THAT(refusal("{{ range(10000000000) | length }}"), HasSubstr("too many numbers"));
  EXPECT_THAT(refusal("{% for i in range(3000) %}{% for j in range(3000) %}{% endfor %}{% endfor %}",
                      {.steps = 50000}),
              HasSubstr("too many steps"));
  EXPECT_THAT(refusal("{% for i in range(3000) %}0123456789{% endfor %}", {.steps = 100000, .output = 1000}),
              HasSubstr("output is too long"));
  const std::string long_text = "{% set t = 'x' * 1000000 %}";
  EXPECT_THAT(refusal(long_text + "{{ t | replace('x', t) }}"), HasSubstr("too long"));
  EXPECT_THAT(refusal(long_text + "{% for i in range(10000) %}{% if t == t %}{% endif %}{% endfor %}"),
              HasSubstr("too many steps"));
}

// What is cheap to ask for and dear to do: each would take minutes or gigabytes if its cost were not counted.
TEST(ChatTemplate, WhatATemplateAsksForIsCountedByWhatItCosts) {
  const std::string text = "{% set t = 'x' * 1000000 %}";
  const std::string big = text + "{% set t = t + t %}{% set t = t + t %}";
  const std::string list = "{% set l = range(30000) | list %}";
  const auto often = [](const std::string& body) {
    return "{% for i in range(100000) %}" + body + "{% endfor %}";
  };
  const auto expect_refused = [](const std::string& source, const char* why) {
    EXPECT_THAT(refusal(source, {.steps = 400'000}), HasSubstr(why)) << source.substr(0, 300);
  };
  const char* const steps = "too many steps";
  expect_refused(big + often("{% set kept %}{{ t }}{% endset %}"), steps);
  expect_refused(text + often("{% for c in t %}{% break %}{% endfor %}"), steps);
  expect_refused(text + often("{{ t | first }}"), steps);
  expect_refused(text + often("{{ t[::2] | length }}"), steps);
  expect_refused(text + often("{{ t[500000] }}"), steps);
  expect_refused(text + often("{{ '' if 'y' in t }}"), steps);
  expect_refused(text + often("{{ t.count('y') }}"), steps);
  expect_refused(text + often("{{ 'y'.replace('y', 'z', t | length) }}"), steps);
  expect_refused(list + often("{{ ''.startswith(l) }}"), steps);
  expect_refused(list + often("{{ l | select('in', l) | first }}"), steps);
  expect_refused(list + often("{{ l | max }}"), steps);
  expect_refused(list + often("{{ l == l }}"), steps);
  expect_refused(list + "{{ l | unique | first }}", steps);
  expect_refused(list + text + "{{ l | map('default', t) | first }}", steps);
  expect_refused("{{ range(10000) | map('string') | map('replace', '', 'x' * 1000000) | first }}", steps);
  expect_refused(text + "{{ ['y'] | map('trim', t) | first }}", "strip: too many characters");
  expect_refused(
      "{{ ['xx', 'xx', 'xx', 'xx'] | map('replace', 'x', 'y' * 1000000) | map('replace', 'y', "
      "'zzzzzzzzzzzzzzzzzzzz') "
      "| list | length }}",
      "too large");
  std::string deep = "range(10000) | list";
  for (int i = 0; i < 35; ++i)
    deep = "[" + deep + "]";
  expect_refused("{% set n = " + deep +
                     " %}{% set n = [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[n]]]]]]]]]]]]]]]]]]]]]]]]]]]]]] %}"
                     "{% for i in range(13) %}{{ n | tojson(indent=16) }}{% endfor %}",
                 "too");
}

TEST(ChatTemplate, LookingForAPartThatNearlyMatchesEverywhereIsLinear) {
  const std::string haystack =
      "{% set t = 'x' * 1000000 %}{% set t = t + t %}{% set t = t + t %}{% set p = 'x' * 500000 + 'y' %}";
  EXPECT_EQ(render(haystack +
                   "{{ p in t }}{{ t.find(p) }}{{ t.rfind(p) }}{{ t.count(p) }}{{ t.split(p) | length }}")
                .value(),
            "False-1-101");
}

TEST(ChatTemplate, ManyVariablesAreFoundAsFastAsFew) {
  std::string source;
  for (int i = 0; i < 20000; ++i)
    source += "{%set v" + std::to_string(i) + "=v0%}";
  EXPECT_EQ(render(source + "{{ v19999 is defined }}").value(), "False");
}

TEST(ChatTemplate, AMegabyteOfConversationIsRendered) {
  jinja::Dict message;
  message.set("role", "user");
  message.set("content", std::string(4 << 20, 'x') + "</think>");
  jinja::Dict variables;
  variables.set("messages", jinja::List{message});
  const auto rendered = render(
      "{% for m in messages %}{% if m.content is string and '</think>' in m.content and not "
      "m.content.startswith('<') %}"
      "{{ m.content.split('</think>')[0] | trim }}{{ m.content.split('</think>')[-1].lstrip('\\n') }}{% "
      "endif %}{% endfor %}",
      variables);
  ASSERT_TRUE(rendered.has_value()) << rendered.error().detail();
  EXPECT_EQ(rendered->size(), std::size_t{4} << 20);
}

TEST(ChatTemplate, TheTimeOfDayIsTheCallers) {
  const auto parsed =
      ChatTemplate::parse("{{ strftime_now('%Y') if strftime_now is defined else 'timeless' }}").value();
  EXPECT_EQ(parsed.render({}).value(), "timeless");
  EXPECT_EQ(
      parsed.render({}, {}, [](std::string_view format) { return "at " + std::string(format); }).value(),
      "at %Y");
}

TEST(ChatFormat, IsReadFromEitherFileAndTheTemplateFileWins) {
  const std::filesystem::path directory = ::testing::TempDir() + "/chat_format_test";
  std::filesystem::remove_all(directory);
  std::filesystem::create_directory(directory);
  EXPECT_EQ(load_chat_format(directory)->source, "");
  const auto write = [&](const char* file, const char* text) { std::ofstream(directory / file) << text; };
  write("tokenizer_config.json",
        R"({"bos_token":{"content":"<s>"},"eos_token":"</s>","chat_template":"one"})");
  EXPECT_EQ(load_chat_format(directory)->source, "one");
  EXPECT_EQ(load_chat_format(directory)->bos_token, "<s>");
  EXPECT_EQ(load_chat_format(directory)->eos_token, "</s>");
  write("tokenizer_config.json",
        R"({"chat_template":[{"name":"rag","template":"r"},{"name":"default","template":"two"}]})");
  EXPECT_EQ(load_chat_format(directory)->source, "two");
  write("chat_template.jinja", "three");
  EXPECT_EQ(load_chat_format(directory)->source, "three");
  write("tokenizer_config.json", "{");
  EXPECT_FALSE(load_chat_format(directory).has_value());
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace sluice::text
