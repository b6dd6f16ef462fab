#!/usr/bin/python3
"""Writes data/templates.goldens.json: what python3-jinja2, set up as Hugging Face does, makes of templates. Run by
hand when the cases change; the tests read only the file."""

import json
import pathlib

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

HERE = pathlib.Path(__file__).parent / "data"


class Generation(Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return jinja2.nodes.Scope(body).set_lineno(line)


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
env.filters["tojson"] = tojson
env.globals["raise_exception"] = raise_exception
env.globals["strftime_now"] = lambda format: "at " + format

CHATML = """{% for message in messages %}
{% if loop.first and messages[0]['role'] != 'system' %}
{{ '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}
{% endif %}
{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}
{% endfor %}
{% if add_generation_prompt %}
{{ '<|im_start|>assistant\\n' }}
{% endif %}
"""
TOOLS = """{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0].role == 'system' %}
        {{- messages[0].content + '\\n\\n' }}
    {%- endif %}
    {{- "# Tools\\n" }}
    {%- for tool in tools %}
        {{- "\\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "<|im_end|>\\n" }}
{%- elif messages[0].role == 'system' %}
    {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
{%- else %}
    {{- 'none' }}
{%- endif %}
{%- set ns = namespace(multi_step=true, last_query=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step and message.role == "user" and message.content is string and not(message.content.startswith('<tool>') and message.content.endswith('</tool>')) %}
        {%- set ns.multi_step = false %}
        {%- set ns.last_query = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.content is string %}{%- set content = message.content %}{%- else %}{%- set content = '' %}{%- endif %}
    {%- if message.role == "assistant" %}
        {%- set reasoning = '' %}
        {%- if '</think>' in content %}
            {%- set reasoning = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {%- if loop.index0 > ns.last_query and (loop.last or (not loop.last and reasoning)) %}
            {{- '<think>' + reasoning.strip('\\n') + '</think>' + content }}
        {%- else %}{{- 'A:' + content }}{%- endif %}
        {%- if message.tool_calls %}
            {%- for call in message.tool_calls %}
                {%- if (loop.first and content) or (not loop.first) %}{{- '\\n' }}{%- endif %}
                {%- if call.function %}{%- set call = call.function %}{%- endif %}
                {{- '{"name": "' }}{{- call.name }}{{- '", "arguments": ' }}
                {%- if call.arguments is string %}{{- call.arguments }}{%- else %}{{- call.arguments | tojson }}{%- endif %}
                {{- '}' }}
            {%- endfor %}
        {%- endif %}
    {%- elif message.role == "tool" %}
        {%- if loop.first or (messages[loop.index0 - 1].role != "tool") %}{{- '<tools>' }}{%- endif %}
        {{- content }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}{{- '</tools>' }}{%- endif %}
    {%- else %}{{- message.role + ':' + content + '\\n' }}{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>' }}{%- endif %}{%- endif %}"""
HEADERS = """{{- bos_token }}
{%- if not date_string is defined %}{%- set date_string = "26 Jul 2024" %}{%- endif %}
{%- if not tools is defined %}{%- set tools = none %}{%- endif %}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}{%- set system_message = "" %}{%- endif %}
{{- "<|system|>" + date_string + "\\n" }}
{%- if tools is not none %}
    {%- for t in tools %}{{- t | tojson(indent=4) }}{{- "\\n\\n" }}{%- endfor %}
    {%- if messages | length != 0 %}{%- set first = messages[0]['content']|trim %}{%- set messages = messages[1:] %}
    {%- else %}{{- raise_exception("no first user message") }}{%- endif %}
    {{- first }}
{%- endif %}
{{- system_message }}
{%- for message in messages %}
    {%- if not (message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|' + message['role'] + '|>' + message['content'] | trim + '<|eot|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if not message.tool_calls|length == 1 %}{{- raise_exception("one call at a time") }}{%- endif %}
        {%- set call = message.tool_calls[0].function %}
        {%- for name, value in call.arguments | items %}{{- name + '="' ~ value ~ '"' }}{%- if not loop.last %}{{- ", " }}{%- endif %}{%- endfor %}
    {%- else %}
        {%- if message.content is mapping or message.content is iterable %}{{- message.content | tojson }}{%- else %}{{- message.content }}{%- endif %}
    {%- endif %}
{%- endfor %}
"""
# What follows has the constructs of templates in the field (dates and built-in tools; strict turns and tool calls with
# ids; contents in parts; grouped tool results), in words of its own.
DATED = """{{- bos_token }}
{%- if custom_tools is defined %}{%- set tools = custom_tools %}{%- endif %}
{%- if not tools_in_user_message is defined %}{%- set tools_in_user_message = true %}{%- endif %}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}{%- set date_string = strftime_now("%d %b %Y") %}{%- else %}{%- set date_string = "1 Jan 2025" %}{%- endif %}
{%- endif %}
{%- if not tools is defined %}{%- set tools = none %}{%- endif %}
{#- The system message is taken out. #}
{%- if messages and messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content'] | trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|head|>system<|/head|>\\n\\n" }}
{%- if builtin_tools is defined or tools is not none %}{{- "Mode: tools\\n" }}{%- endif %}
{%- if builtin_tools is defined %}{{- "Built in: " + builtin_tools | reject('equalto', 'interpreter') | join(", ") + "\\n\\n" }}{%- endif %}
{{- "Today is " + date_string + "\\n\\n" }}
{%- if tools is not none and not tools_in_user_message %}
    {%- for t in tools %}{{- t | tojson(indent=4) }}{{- "\\n\\n" }}{%- endfor %}
{%- endif %}
{{- system_message }}
{{- "<|end|>" }}
{%- if tools_in_user_message and not tools is none %}
    {%- if messages | length != 0 %}
        {%- set first_user_message = messages[0]['content'] | trim %}
        {%- set messages = messages[1:] %}
    {%- else %}
        {{- raise_exception("tools need a first user message") }}
    {%- endif %}
    {{- '<|head|>user<|/head|>\\n\\n' -}}
    {%- for t in tools %}{{- t | tojson(indent=4) }}{{- "\\n\\n" }}{%- endfor %}
    {{- first_user_message + "<|end|>" }}
{%- endif %}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|head|>' + message['role'] + '<|/head|>\\n\\n' + message['content'] | trim + '<|end|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if not message.tool_calls | length == 1 %}{{- raise_exception("one call at a time") }}{%- endif %}
        {%- set tool_call = message.tool_calls[0].function %}
        {%- if builtin_tools is defined and tool_call.name in builtin_tools %}
            {{- '<|py|>' + tool_call.name + ".call(" }}
            {%- for arg_name, arg_val in tool_call.arguments | items %}
                {{- arg_name + '="' + arg_val | string + '"' }}
                {%- if not loop.last %}{{- ", " }}{%- endif %}
            {%- endfor %}
            {{- ")" }}
        {%- else %}
            {{- '{"name": "' + tool_call.name + '", ' }}
            {{- '"parameters": ' }}
            {{- tool_call.arguments | tojson }}
            {{- "}" }}
        {%- endif %}
        {{- "<|eom|>" if builtin_tools is defined else "<|eot|>" }}
    {%- elif message.role == "tool" or message.role == "ipython" %}
        {{- "<|head|>ipython<|/head|>\\n\\n" }}
        {%- if message.content is mapping or message.content is iterable %}{{- message.content | tojson }}{%- else %}{{- message.content }}{%- endif %}
        {{- "<|eot|>" }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|head|>assistant<|/head|>\\n\\n' }}{%- endif %}
"""
STRICT = """{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}
{%- if not tools is defined %}{%- set tools = none %}{%- endif %}
{%- set user_messages = loop_messages | selectattr("role", "equalto", "user") | list %}
{%- set ns = namespace() %}
{%- set ns.index = 0 %}
{%- for message in loop_messages %}
    {%- if not (message.role == "tool" or message.role == "tool_results" or (message.tool_calls is defined and message.tool_calls is not none)) %}
        {%- if (message["role"] == "user") != (ns.index % 2 == 0) %}
            {{- raise_exception("roles must alternate") }}
        {%- endif %}
        {%- set ns.index = ns.index + 1 %}
    {%- endif %}
{%- endfor %}
{{- bos_token }}
{%- for message in loop_messages %}
    {%- if message["role"] == "user" %}
        {%- if tools is not none and (message == user_messages[-1]) %}
            {{- "[TOOLS] [" }}
            {%- for tool in tools %}
                {%- set tool = tool.function %}
                {{- '{"type": "function", "function": {' }}
                {%- for key, val in tool.items() if key != "return" %}
                    {%- if val is string %}{{- '"' + key + '": "' + val + '"' }}{%- else %}{{- '"' + key + '": ' + val|tojson }}{%- endif %}
                    {%- if not loop.last %}{{- ", " }}{%- endif %}
                {%- endfor %}
                {{- "}}" }}
                {%- if not loop.last %}{{- ", " }}{%- else %}{{- "]" }}{%- endif %}
            {%- endfor %}
            {{- "[/TOOLS]" }}
        {%- endif %}
        {%- if loop.last and system_message is defined %}
            {{- "[INST] " + system_message + "\\n\\n" + message["content"] + "[/INST]" }}
        {%- else %}
            {{- "[INST] " + message["content"] + "[/INST]" }}
        {%- endif %}
    {%- elif message.tool_calls is defined and message.tool_calls is not none %}
        {{- "[CALLS] [" }}
        {%- for tool_call in message.tool_calls %}
            {%- set out = tool_call.function|tojson %}
            {{- out[:-1] }}
            {%- if not tool_call.id is defined or tool_call.id|length != 9 %}
                {{- raise_exception("ids have nine characters") }}
            {%- endif %}
            {{- ', "id": "' + tool_call.id + '"}' }}
            {%- if not loop.last %}{{- ", " }}{%- else %}{{- "]" + eos_token }}{%- endif %}
        {%- endfor %}
    {%- elif message["role"] == "assistant" %}
        {{- " " + message["content"]|trim + eos_token }}
    {%- elif message["role"] == "tool_results" or message["role"] == "tool" %}
        {%- if message.content is defined and message.content.content is defined %}
            {%- set content = message.content.content %}
        {%- else %}
            {%- set content = message.content %}
        {%- endif %}
        {{- '[RESULTS] {"content": ' + content|string + ", " }}
        {%- if not message.tool_call_id is defined or message.tool_call_id|length != 9 %}{{- raise_exception("ids have nine characters") }}{%- endif %}
        {{- '"call_id": "' + message.tool_call_id + '"}[/RESULTS]' }}
    {%- else %}
        {{- raise_exception("only some roles are known, not " + message["role"]) }}
    {%- endif %}
{%- endfor %}
"""
PARTS = """{%- set today = strftime_now("%Y-%m-%d") %}
{%- set default_system_message = "You are a test.\\nIt is " + today + "." %}
{{- bos_token }}
{%- if messages[0]['role'] == 'system' %}
    {%- if messages[0]['content'] is string %}
        {%- set system_message = messages[0]['content'] %}
    {%- else %}
        {%- set system_message = messages[0]['content'][0]['text'] %}
    {%- endif %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set system_message = default_system_message %}
    {%- set loop_messages = messages %}
{%- endif %}
{{- '[SYSTEM]' + system_message + '[/SYSTEM]' }}
{%- for message in loop_messages %}
    {%- if message['role'] == 'user' %}
        {%- if message['content'] is string %}
            {{- '[INST]' + message['content'] + '[/INST]' }}
        {%- else %}
            {{- '[INST]' }}
            {%- for block in message['content'] %}
                {%- if block['type'] == 'text' %}{{- block['text'] }}
                {%- elif block['type'] in ['image', 'image_url'] %}{{- '[IMG]' }}
                {%- else %}{{- raise_exception('only text and images') }}{%- endif %}
            {%- endfor %}
            {{- '[/INST]' }}
        {%- endif %}
    {%- elif message['role'] == 'system' %}
        {{- '[SYSTEM]' + message['content'] + '[/SYSTEM]' }}
    {%- elif message['role'] == 'assistant' %}
        {%- if message['content'] is string %}{{- message['content'] + eos_token }}
        {%- else %}{{- message['content'][0]['text'] + eos_token }}{%- endif %}
    {%- else %}
        {{- raise_exception('unknown role: ' ~ message['role'] | upper) }}
    {%- endif %}
{%- endfor %}
"""
GROUPED = """{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0]['role'] == 'system' %}{{- messages[0]['content'] }}{%- else %}{{- 'You help.' }}{%- endif %}
    {{- "\\n\\n# Tools\\n<tools>" }}
    {%- for tool in tools %}{{- "\\n" }}{{- tool | tojson }}{%- endfor %}
    {{- "\\n</tools>\\n\\nAnswer with:\\n<tool_call>\\n{\\"name\\": <name>, \\"arguments\\": <object>}\\n</tool_call><|im_end|>\\n" }}
{%- else %}
    {%- if messages[0]['role'] == 'system' %}
        {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}
    {%- else %}
        {{- '<|im_start|>system\\nYou help.<|im_end|>\\n' }}
    {%- endif %}
{%- endif %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) or (message.role == "assistant" and not message.tool_calls) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {{- '<|im_start|>' + message.role }}
        {%- if message.content %}{{- '\\n' + message.content }}{%- endif %}
        {%- for tool_call in message.tool_calls %}
            {%- if tool_call.function is defined %}{%- set tool_call = tool_call.function %}{%- endif %}
            {{- '\\n<tool_call>\\n{"name": "' }}
            {{- tool_call.name }}
            {{- '", "arguments": ' }}
            {{- tool_call.arguments | tojson }}
            {{- '}\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if (loop.index0 == 0) or (messages[loop.index0 - 1].role != "tool") %}{{- '<|im_start|>user' }}{%- endif %}
        {{- '\\n<tool_response>\\n' }}
        {{- message.content }}
        {{- '\\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}{{- '<|im_end|>\\n' }}{%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}
"""

PLAIN = [{"role": "user", "content": "Größe? <&> \"q\""}, {"role": "assistant", "content": "<think>\nhm\n</think>\n\n42 "},
         {"role": "user", "content": "  and \U0001F600\n now?\n"}]
SYSTEM = [{"role": "system", "content": " Be brief. "}] + PLAIN
CALLS = [{"role": "user", "content": "weather"},
         {"role": "assistant", "content": None, "tool_calls": [
             {"id": "1", "function": {"name": "w", "arguments": {"city": "Köln", "days": 2, "x": 1.5, "y": None}}}]},
         {"role": "tool", "content": "sunny"}]
TOOL = [{"type": "function", "function": {"name": "w", "parameters": {
    "type": "object", "properties": {"city": {"type": "string", "enum": []}}, "required": ["city"], "strict": True,
    "empty": {}}}}]
CONVERSATIONS = [{"messages": PLAIN}, {"messages": SYSTEM, "add_generation_prompt": True},
                 {"messages": SYSTEM, "tools": TOOL, "add_generation_prompt": True, "enable_thinking": False},
                 {"messages": CALLS, "tools": TOOL, "bos_token": "<s>"}, {"messages": [], "tools": TOOL}]
BEGIN_END = {"bos_token": "<s>", "eos_token": "</s>"}
TWO_CALLS = [{"role": "user", "content": "compare"},
             {"role": "assistant", "content": "Looking.", "tool_calls": [
                 {"id": "abcdefghi", "type": "function", "function": {"name": "w", "arguments": {"city": "Köln"}}},
                 {"id": "jklmnopqr", "type": "function", "function": {"name": "w", "arguments": {"city": "\u6771\u4eac"}}}]},
             {"role": "tool", "tool_call_id": "abcdefghi", "content": "7"},
             {"role": "tool", "tool_call_id": "jklmnopqr", "content": {"content": 21}},
             {"role": "assistant", "content": " warmer there "}, {"role": "user", "content": "why?"}]
IN_PARTS = [{"role": "system", "content": [{"type": "text", "text": "Short."}]},
            {"role": "user", "content": [{"type": "text", "text": "see "}, {"type": "image_url"}, {"type": "text", "text": "?"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "ok"}]}]
FIELD = [{"messages": PLAIN}, {"messages": SYSTEM, "add_generation_prompt": True},
         {"messages": SYSTEM, "tools": TOOL, "add_generation_prompt": True}, {"messages": CALLS, "tools": TOOL},
         {"messages": CALLS, "builtin_tools": ["w", "interpreter", "search"], "custom_tools": TOOL},
         {"messages": SYSTEM, "tools": TOOL + TOOL, "tools_in_user_message": False, "date_string": "now"},
         {"messages": TWO_CALLS, "tools": TOOL}, {"messages": TWO_CALLS}, {"messages": IN_PARTS}, {"messages": [], "tools": TOOL},
         {"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]},
         {"messages": [{"role": "critic", "content": "a"}]}]

V = {"a": 1, "b": 2.5, "s": "Hello World", "l": [3, 1, 2], "d": {"x": 1, "y": [True, None, "q'\"\n"], "items": 5},
     "n": None, "t": True, "e": "", "u": "  é\u00a0 ", "m": [{"r": "a", "v": 1}, {"r": "b", "v": 0}, {"r": "a", "v": 3}],
     "big": 1e20, "small": 1e-7, "neg": -7}
SNIPPETS = r"""
{{ a + b }} {{ a - 3 }} {{ 2 * 3 + 4 }} {{ 7 / 2 }} {{ 7 // 2 }} {{ neg // 2 }} {{ neg % 3 }} {{ -7 // -1 }}
{{ 1e }}
{{ b }} {{ big }} {{ small }} {{ 4 / 2 }} {{ 1.0 }} {{ t }} {{ n }} {{ l }} {{ d }} {{ [] }} {{ {} }} {{ (1, 2)[0] }}
{{ 1 < 2 < 3 }} {{ 1 < 2 > 5 }} {{ a == 1.0 }} {{ a == true }} {{ 'a' < 'b' }} {{ l == [3, 1, 2] }} {{ n == none }} {{ d != {} }}
{{ 'World' in s }} {{ 'x' in d }} {{ 9 not in l }} {{ not a in l }} {{ 'z' in missing }}
{{ t and a }} {{ e or 'fallback' }} {{ not e }} {{ n or missing or 0 }} {{ (t or n) and 'yes' }}
{{ 'yes' if t else 'no' }} {{ 'gone' if e }} {{ 'a' if e else 'b' if n else 'c' }}
{{ s[0] }} {{ s[-1] }} {{ s[1:4] }} {{ s[::-1] }} {{ s[:-6] }} {{ s[-3:] }} {{ l[1:] }} {{ l[::-1] }} {{ l[5:] }} {{ l[::2] }} {{ s[10:2:-3] }}
{{ d.x }} {{ d['y'][2] }} {{ d.y.0 }} {{ d.missing }} {{ d.missing is defined }} {{ d['items'] }} {{ d.get('x') }} {{ d.get('k', 7) }} {{ d.get('k') }}
{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %} {% for k in d %}{{ k }},{% endfor %} {{ d.keys() | list }} {{ d | length }}
{{ s | upper }} {{ s | lower }} {{ s | length }} {{ u | trim }}| {{ 'xxaxx' | trim('x') }} {{ s | replace('l', 'L') }} {{ s | replace('l', 'L', 1) }} {{ 'hello wORLD' | capitalize }} {{ 'hello wORLD-x' | title }}
{{ l | join('-') }} {{ m | join('+', attribute='r') }} {{ l | first }} {{ l | last }} {{ s | first }} {{ [] | first }} {{ l | reverse | list }} {{ s | reverse }} {{ 'ab' | list }}
{{ missing | default('x') }} {{ e | default('x') }} {{ e | default('x', true) }} {{ n | d('x', boolean=true) }} {{ a | string + 'z' }} {{ '42' | int + 1 }} {{ 'zz' | int }} {{ 3.9 | int }}
{{ d | tojson }} {{ l | tojson(indent=2) }} {{ 'é<>&\'"\\\t' | tojson }} {{ 'é' | tojson(ensure_ascii=true) }} {{ d | tojson(indent=4) }} {{ b | tojson }} {{ {'b': 1, 'a': 2} | tojson(sort_keys=true) }}
{{ m | map(attribute='r') | join(',') }} {{ l | map('string') | join }} {{ m | selectattr('v') | map(attribute='v') | list }} {{ m | selectattr('r', 'equalto', 'a') | list | length }} {{ m | rejectattr('r', '==', 'a') | list }}
{{ m | rejectattr('r', 'equalto', 'a') | list }} {{ l | select('odd') | list }} {{ l | reject('even') | list }} {{ l | select('>', 1) | list }} {{ l | select('lt', 3) | list }}
{{ a is defined }} {{ zz is undefined }} {{ s is string }} {{ n is none }} {{ t is true }} {{ t is boolean }} {{ a is number }} {{ b is float }} {{ a is integer }} {{ l is iterable }} {{ d is mapping }} {{ l is sequence }} {{ a is odd }} {{ 4 is divisibleby 2 }} {{ a is eq 1 }} {{ a is in [1] }} {{ n is not none }} {{ a is not string and t }}
{{ 'a b  c'.split() }} {{ 'a,b,c'.split(',') }} {{ 'a,b,c'.split(',', 1) }} {{ ' a b '.split(' ') }} {{ '  x '.strip() }}| {{ 'xxa'.lstrip('x') }} {{ 'a\n'.rstrip('\n') }}| {{ s.upper() }} {{ s.startswith('He') }} {{ s.endswith(('x', 'ld')) }} {{ ','.join(['a', 'b']) }} {{ s.find('o') }} {{ s.count('l') }} {{ 'a\nb'.splitlines() }} {{ s.replace('o', '0') }} {{ 'abc'.replace('', '-') }} {{ 'x1'.isdigit() }}
{% set x = 5 %}{% for i in range(3) %}{% set x = i %}{{ x }}{% endfor %}{{ x }} {% set p, q = 1, 2 %}{{ p }}{{ q }} {% set ns = namespace(c=0) %}{% for i in l %}{% set ns.c = ns.c + i %}{% endfor %}{{ ns.c }}
{% for i in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.revindex }}{{ loop.previtem }}{{ loop.nextitem }};{% endfor %} {% for i in [] %}x{% else %}none{% endfor %} {% for i in l if i > 1 %}{{ i }}{{ loop.last }}{% endfor %}
{% for i in l %}{% for j in l %}{% if j == 1 %}{% continue %}{% endif %}{{ loop.index }}{% if j == 2 %}{% break %}{% endif %}{% endfor %}{% endfor %} {% for c in 'äb' %}{{ c }}.{% endfor %} {{ range(5, 0, -2) | list }}
{% set body %}in {{ a }} {% endset %}[{{ body }}] {% generation %}gen {{ s }}{% endgeneration %} {% if n %}1{% elif a == 1 %}2{% else %}3{% endif %}
{{ 'con' 'cat' }} {{ "\x41\u00e9\n\t\\" }} {{ 'a' ~ 1 ~ none }} {{ '=' * 5 }} {{ -a }} {{ - 2 + 3 }} {{ +1 }} {{ 'a' + 'b' | upper }} {{ (1 + 2) * 3 }} {{ 'ab' | indent(2, true) }} {{ 'a\n\nb' | indent }} {{ missing }} {{ missing | length }}
{{ l | sort }} {{ l | sort(reverse=true) }} {{ ['b', 'A', 'c', 'a'] | sort }} {{ ['b', 'A', 'c', 'a'] | sort(case_sensitive=true) }} {{ m | sort(attribute='v') | map(attribute='v') | list }} {{ m | sort(true, attribute='r') | map(attribute='v') | list }}
{% for k, v in {'b': 1, 'C': 0, 'a': 2} | dictsort %}{{ k }}{{ v }};{% endfor %}{% for k, v in {'b': 1, 'C': 0, 'a': 2} | dictsort(false, 'value') %}{{ k }}{{ v }};{% endfor %}{% for k, v in {'b': 1, 'C': 0, 'a': 2} | dictsort(true, reverse=true) %}{{ k }}{{ v }};{% endfor %}
{{ [1, 2, 1, 3, 2] | unique | list }} {{ ['a', 'A', 'b'] | unique | list }} {{ m | unique(attribute='r') | map(attribute='v') | list }} {{ l | sum }} {{ m | sum('v') }} {{ m | sum(attribute='v', start=10) }} {{ l | max }} {{ l | min }} {{ ['b', 'A'] | max }} {{ m | max(attribute='v') | string | length > 0 }} {{ [] | max is defined }}
{{ neg | abs }} {{ -2.5 | abs }} {{ 2.567 | round(2) }} {{ 2.5 | round }} {{ 3.5 | round }} {{ 2.1 | round(0, 'ceil') }} {{ 2.9 | round(method='floor') }} {{ '1.5' | float }} {{ 'x' | float }} {{ 3 | float }} {{ 'x' | float(2.5) }}
{{ {'a': {'b': [{'c': 7}]}} | list }} {{ [{'a': {'b': [{'c': 7}]}}] | map(attribute='a.b.0.c') | list }} {{ [{'f': {'n': 'x'}}, {'f': {'n': 'y'}}] | selectattr('f.n', 'equalto', 'y') | list }} {{ [{'a': 1}, {}] | map(attribute='a', default='none') | list }} {{ [{'a': {'b': 1}}] | join(',', attribute='a.b') }}
{{ 'straße Ǆ ﬁn ΑΣ' | upper }} {{ 'STRASSE ΌΔΟΣ ΑΣ. İ' | lower }} {{ 'élan VITAL' | capitalize }} {{ 'ǆ x' | capitalize }} {{ "it's élan-vital (foo [bar <baz" | title }} {{ "it's élan-vital éÀ".title() }} {{ 'ß'.upper() }} {{ 'ÀÉ'.lower() }} {{ 'ŉa'.capitalize() }}
{{ 'abc' is lower }} {{ 'aBc' is lower }} {{ 'ÀÉ1' is upper }} {{ '1' is upper }} {{ 1 is sameas 1 }} {{ 1 is sameas 1.0 }} {{ t is sameas true }} {{ 3 is gt 2 }} {{ 3 is greaterthan(5) }} {{ 3 is lessthan 5 }} {{ 3 is ge 3 }} {{ 3 is ne 3 }} {{ range is callable }} {{ s is callable }}
{{ 'abcabc'.rfind('bc') }} {{ 'äbc'.index('c') }} {{ 'äbcb'.rfind('b') }} {{ 'abc'.rfind('') }} {{ 'a-b-c'.partition('-') | list }} {{ 'a-b-c'.rpartition('-') | list }} {{ 'abc'.partition('-') | list }} {{ 'abc'.rpartition('-') | list }} {{ 'a,b,c,d'.rsplit(',', 2) }} {{ 'a,b'.rsplit(',') }} {{ ' a b '.rsplit() }} {{ 'a,b'.rsplit(',', 5) }} {{ 'a,b'.rsplit(',', 0) }}
{{ 'äb'.isalpha() }} {{ 'a1'.isalpha() }} {{ 'a1½'.isalnum() }} {{ '1²'.isdigit() }} {{ '½'.isdigit() }} {{ ''.isdigit() }} {{ '٣'.isdigit() }} {{ ' \t\u00a0'.isspace() }} {{ 'Ab'.isupper() }} {{ 'AB1'.isupper() }} {{ 'ab'.islower() }} {{ '1'.islower() }}
{{ 'a\nb\r\nc\rd\x0be\u2028f\n\n'.splitlines() | length }} {{ 'a\nb\r\n'.splitlines(true) }} {{ ''.splitlines() }} {{ '\n'.splitlines() }} {{ 'a'.count('') }} {{ 'aaaa'.count('aa') }} {{ 'abab'.replace('ab', 'x', 1) }} {{ 'äö'[1] }} {{ 'äö'[-1] }} {{ 'äö'[5] }} {{ 'aXbX'.split('X') }}
{{ d | tojson(separators=(',', ':')) }} {{ l | tojson(indent=2, separators=(',', ': ')) }} {{ [] | tojson(indent=2) }} {{ {} | tojson(indent=2) }} {{ [[], {}] | tojson(indent=1) }} {{ 'a\u2028\x7f\x01' | tojson }} {{ big | tojson }}
{% for i in range(3) %}{% set outer = i %}{% for j in 'ab' %}{{ loop.index }}{{ j }}{{ outer }}{% else %}none{% endfor %}{{ loop.index }};{% endfor %} {% for a, b in [[1, 2], [3, 4]] %}{{ a + b }}{% endfor %} {% for x in d if x != 'y' %}{{ loop.index }}{{ x }}{% else %}-{% endfor %} {{ x is defined }}
{% set ns = namespace(found=false, count=0) %}{% for i in l %}{% if i == 1 %}{% set ns.found = true %}{% endif %}{% set ns.count = ns.count + i %}{% endfor %}{{ ns.found }}{{ ns.count }}{{ ns.missing is defined }} {% if a %}{% set leaked = 1 %}{% endif %}{{ leaked }} {% set x %}{% for i in l %}{{ i }}{% endfor %}{% endset %}{{ x | length }}
{{ (a if t else b) + 1 }} {{ 'x' if missing is defined else 'y' }} {{ ('a' if n) is defined }} {{ [a if t else b, 'z' if e else 'w'] }} {{ not (a == 1 and b == 2.5) }} {{ a == 1 and not e or n }} {{ 1 ~ 2 * 3 }} {{ 2 * 3 % 4 }} {{ 10 - 2 - 3 }} {{ 7 // 2 * 2 }} {{ -a + 3 }} {{ a - -1 }} {{ l[-1] }} {{ l[0:2] }} {{ l[:-1] }} {{ l[-2:] }} {{ l[::-2] }} {{ l[10] is defined }}
{{ strftime_now('%d %b %Y') }} {{ strftime_now is defined }} {{ 'a' in ['a', 'b'] and 'c' not in 'ab' }} {{ m[0] == {'r': 'a', 'v': 1} }} {{ m[0] == m[-1] }} {{ (m | last).v }} {{ (m | first)['r'] }} {{ m | length == 3 }} {{ m | selectattr('v', 'gt', 0) | list | length }} {{ m | map(attribute='r') | unique | join('') }}
{{ raise_exception('stop: ' + s) }}
{{ missing.x }}
{{ missing + 1 }}
{{ missing() }}
{{ 'a' + 1 }}
{{ 1 // 0 }}
{{ s.nothing() }}
""".strip("\n").split("\n")
BLOCKS = ["  {% if true %}\n  x\n  {% endif %}\ny\n", "a {%- if true -%}  b  {%- endif -%} c", "{#- c -#}  x\n{# d #}\ny\n\n",
          "  {%+ if true %}x{% endif +%}\n z", "a\n\n  {{- 'b' -}}  \n c", "{% for i in [1, 2] %}\n   {# note #}\n  {{ i }}\n{% endfor %}\n",
          "\r\nx\r\n{% if true %}\r\ny{% endif %}\r\n", "  {{ 1 }}\n  {% set x = 2 %}\n\t{{ x }}", "x {% if true %} {% endif %} {# c #} y\n\n",
          "{{ '{{' }} { % {", "{% if true %}\n    {% if true %}\n  a\n    {% endif %}\n{% endif %}\nb", "{{ {'a': {'b': 1}}['a']['b'] }}"]


def case(source, variables):
    result = {"template": source, "variables": variables}
    try:
        result["output"] = env.from_string(source).render(**variables)
    except jinja2.exceptions.TemplateSyntaxError:
        result["error"] = "syntax"
    except Exception:  # jinja2 lets Python's own errors through
        result["error"] = "render"
    return result


cases = [case(t, v) for t in (CHATML, TOOLS, HEADERS) for v in CONVERSATIONS]
cases += [case(t, BEGIN_END | v) for t in (DATED, STRICT, PARTS, GROUPED) for v in FIELD]
for line in SNIPPETS:
    cases += [case(line, V)]
cases += [case(source, {}) for source in BLOCKS]
HERE.joinpath("templates.goldens.json").write_text(
    "[\n" + ",\n".join(json.dumps(c, ensure_ascii=False) for c in cases) + "\n]\n")
for c in cases:
    if "error" in c:
        print(c["error"], c["template"][:60].replace("\n", " "))
