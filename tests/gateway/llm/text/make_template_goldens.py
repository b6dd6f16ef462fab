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
for line in SNIPPETS:
    cases += [case(line, V)]
cases += [case(source, {}) for source in BLOCKS]
HERE.joinpath("templates.goldens.json").write_text(
    "[\n" + ",\n".join(json.dumps(c, ensure_ascii=False) for c in cases) + "\n]\n")
for c in cases:
    if "error" in c:
        print(c["error"], c["template"][:60].replace("\n", " "))
