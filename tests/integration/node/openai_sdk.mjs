// OpenAI's own client against the gateway: `node openai_sdk.mjs SCENARIO`. Exits with 0 if everything was as it should
// be. GATEWAY is the gateway's address, SCHEME https where it speaks TLS; WORDS is set where the backend's answers are
// words of the prompt.
import assert from 'node:assert/strict';
import OpenAI from 'openai';

const scheme = process.env.SCHEME ?? 'http';
const client = new OpenAI({apiKey: 'unused', baseURL: `${scheme}://${process.env.GATEWAY}/v1`, maxRetries: 0, timeout: 60_000});
const words = process.env.WORDS !== undefined;
const model = 'tiny';

const messages = (content) => [{role: 'user', content}];
// What the foreign backend says to a prompt.
const expected = (prompt, count) => {
  const list = prompt.split(' ');
  return Array.from({length: count}, (_, i) => `${list[i % list.length]} `).join('');
};

async function collect(stream) {
  const got = {text: '', chunks: 0, usage: null, finish: null};
  for await (const chunk of stream) {
    ++got.chunks;
    if (chunk.usage) got.usage = chunk.usage;
    const choice = chunk.choices[0];
    if (!choice) continue;
    got.text += choice.delta?.content ?? choice.text ?? '';
    got.finish = choice.finish_reason ?? got.finish;
  }
  return got;
}

async function rejects(promise, kind, status, checks = {}) {
  let error;
  try {
    await promise;
  } catch (caught) {
    error = caught;
  }
  assert.ok(error instanceof kind, `${error}`);
  assert.equal(error.status, status);
  for (const [key, value] of Object.entries(checks)) assert.equal(error[key], value, `${key} of ${error}`);
  return error;
}

const scenarios = {
  async models() {
    const ids = [];
    for await (const found of await client.models.list()) ids.push(found.id);
    assert.deepEqual(ids, [model]);
  },

  async chat() {
    const {data, response} = await client.chat.completions
        .create({model, messages: messages('one two three'), max_tokens: 5}).withResponse();
    assert.equal(data.object, 'chat.completion');
    assert.equal(data.model, model);
    assert.equal(data.choices.length, 1);
    assert.equal(data.usage.total_tokens, data.usage.prompt_tokens + data.usage.completion_tokens);
    assert.ok(response.headers.get('x-request-id'));
    if (words) assert.equal(data.choices[0].message.content, expected('one two three', 5));
  },

  async completion() {
    const answer = await client.completions.create({model, prompt: 'one two', max_tokens: 3});
    assert.equal(answer.object, 'text_completion');
    if (words) assert.equal(answer.choices[0].text, expected('one two', 3));
  },

  async stream() {
    const got = await collect(await client.chat.completions.create(
        {model, messages: messages('one two three'), max_tokens: 20, stream: true}));
    assert.equal(got.usage, null);
    assert.ok(got.finish === 'stop' || got.finish === 'length');
    if (words) assert.equal(got.text, expected('one two three', 20));
  },

  async completion_stream() {
    const got = await collect(await client.completions.create({model, prompt: 'one two', max_tokens: 7, stream: true}));
    if (words) assert.equal(got.text, expected('one two', 7));
  },

  async usage() {
    const got = await collect(await client.chat.completions.create({
      model, messages: messages('one two three'), max_tokens: 12, stream: true, stream_options: {include_usage: true},
    }));
    assert.ok(got.usage.prompt_tokens > 0 && got.usage.completion_tokens > 0);
    assert.equal(got.usage.total_tokens, got.usage.prompt_tokens + got.usage.completion_tokens);
    if (words) assert.equal(got.usage.completion_tokens, 12);
  },

  // The same prompt streamed and not streamed gives the same text.
  async same_text() {
    const ask = {model, messages: messages('the quick brown fox'), max_tokens: 24, temperature: 0};
    const whole = await client.chat.completions.create(ask);
    const got = await collect(await client.chat.completions.create({...ask, stream: true}));
    assert.equal(got.text, whole.choices[0].message.content);
  },

  async unicode() {
    const prompt = 'größer 中文 🦜 "quoted" \\back';
    const answer = await client.chat.completions.create({model, messages: messages(prompt), max_tokens: 5});
    if (words) assert.equal(answer.choices[0].message.content, expected(prompt, 5));
  },

  async big() {
    const got = await collect(await client.chat.completions.create(
        {model, messages: messages('a'), max_tokens: 2000, blob: 2000, stream: true}));
    assert.equal(got.text.length, 2000 * 2001);
  },

  async abort_stream() {
    const stream = await client.chat.completions.create({
      model, messages: messages('one'), max_tokens: 400, stream: true, ...(words ? {hold: 3} : {ignore_eos: true})});
    let text = '';
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta?.content ?? '';
      if (text.length > 0) break;  // leaving the loop aborts the request
    }
    assert.ok(stream.controller.signal.aborted);
  },

  async abort_waiting() {
    const controller = new AbortController();
    const asked = client.chat.completions.create(
        {model, messages: messages('one'), max_tokens: 400, ...(words ? {hold: 0} : {ignore_eos: true})},
        {signal: controller.signal});
    asked.catch(() => {});
    // Aborts once the gateway shows the stream as waiting for its backend.
    for (;;) {
      const {streams} = await (await fetch(`http://${process.env.ADMIN}/streams`)).json();
      if (streams.some((s) => s.state === 'waiting')) break;
    }
    controller.abort();
    await assert.rejects(asked, OpenAI.APIUserAbortError);
  },

  // Against scripted_model.py, which calls a tool and then thanks for its result.
  async tools() {
    const tools = [{type: 'function', function: {name: 'get_weather', description: 'The weather of a city.', parameters: {
      type: 'object', properties: {city: {type: 'string'}}, required: ['city']}}}];
    const asked = messages('How is the weather?');
    const answer = await client.chat.completions.create({model, messages: asked, tools});
    const [choice] = answer.choices;
    assert.equal(choice.finish_reason, 'tool_calls');
    assert.equal(choice.message.content, 'Let me see. ');
    assert.deepEqual(choice.message.tool_calls.map((call) => [call.type, call.function.name, JSON.parse(call.function.arguments)]), [
      ['function', 'get_weather', {city: 'Zürich'}], ['function', 'get_weather', {city: 'Oslo'}]]);
    assert.equal(new Set(choice.message.tool_calls.map((call) => call.id)).size, 2);

    // The library's own reader of streams puts the calls together.
    const stream = client.chat.completions.stream({model, messages: asked, tools});
    const names = [];
    stream.on('tool_calls.function.arguments.done', (call) => names.push([call.name, JSON.parse(call.arguments)]));
    const streamed = (await stream.finalChatCompletion()).choices[0];
    assert.equal(streamed.finish_reason, 'tool_calls');
    assert.equal(streamed.message.content, 'Let me see. ');
    assert.deepEqual(names, choice.message.tool_calls.map((call) => [call.function.name, JSON.parse(call.function.arguments)]));

    const results = choice.message.tool_calls.map((call) => ({role: 'tool', tool_call_id: call.id, content: 'sunny'}));
    const last = await client.chat.completions.create({model, tools, messages: [...asked, choice.message, ...results]});
    assert.equal(last.choices[0].message.content, 'Thank you.');
    assert.equal(last.choices[0].message.tool_calls?.length ?? 0, 0);
    assert.equal(last.choices[0].finish_reason, 'stop');

    const none = await client.chat.completions.create({model, messages: asked, tools, tool_choice: 'none'});
    assert.match(none.choices[0].message.content, /<tool_call>/);
    assert.equal(none.choices[0].finish_reason, 'stop');
    await rejects(client.chat.completions.create({model, messages: asked, tools, tool_choice: 'required'}),
                  OpenAI.BadRequestError, 400, {param: 'tool_choice'});
    await rejects(client.chat.completions.create({model, messages: asked, tools: []}), OpenAI.BadRequestError, 400);

    // The library runs the functions itself and asks again with what they say.
    const cities = [];
    const runner = client.chat.completions.runTools({model, messages: asked, tools: [{type: 'function', function: {
      ...tools[0].function, parse: JSON.parse, function: ({city}) => { cities.push(city); return 'sunny'; }}}]});
    assert.equal(await runner.finalContent(), 'Thank you.');
    assert.deepEqual(cities, ['Zürich', 'Oslo']);
  },

  async logprobs() {
    const ask = {model, messages: messages('What is Sluice?'), max_tokens: 8, logprobs: true, top_logprobs: 3};
    const {content} = (await client.chat.completions.create(ask)).choices[0].logprobs;
    assert.equal(content.length, 8);
    for (const position of content) {
      assert.equal(position.top_logprobs.length, 3);
      assert.ok(position.logprob <= 0 && position.top_logprobs[0].logprob >= position.top_logprobs[2].logprob);
      assert.equal(Buffer.from(position.bytes).toString(), position.token);
    }
    const streamed = [];
    for await (const chunk of await client.chat.completions.create({...ask, stream: true}))
      streamed.push(...(chunk.choices[0]?.logprobs?.content ?? []));
    assert.deepEqual(streamed.map((position) => position.token), content.map((position) => position.token));
    await rejects(client.chat.completions.create({...ask, top_logprobs: 21}), OpenAI.BadRequestError, 400);

    const {logprobs} = (await client.completions.create({model, prompt: 'Sluice', max_tokens: 4, logprobs: 2, echo: true}))
        .choices[0];
    assert.equal(logprobs.token_logprobs[0], null);
    assert.equal(logprobs.tokens.length, logprobs.text_offset.length);
  },

  async embeddings() {
    const input = ['What is Sluice?', 'A gateway', 'What is Sluice?'];
    // The library asks for base64 where it is not told otherwise, and decodes it.
    const bytes = await client.embeddings.create({model, input});
    const numbers = await client.embeddings.create({model, input, encoding_format: 'float'});
    assert.deepEqual(bytes.data.map((found) => found.index), [0, 1, 2]);
    for (let i = 0; i < 3; ++i) {
      const [a, b] = [bytes.data[i].embedding, numbers.data[i].embedding];
      assert.equal(a.length, b.length);
      a.forEach((value, at) => assert.ok(Math.abs(value - b[at]) < 1e-6));
      assert.ok(Math.abs(Math.hypot(...b) - 1) < 1e-5);
    }
    assert.deepEqual(numbers.data[0].embedding, numbers.data[2].embedding);
    assert.notDeepEqual(numbers.data[0].embedding, numbers.data[1].embedding);
    assert.equal(numbers.usage.total_tokens, numbers.usage.prompt_tokens);
    await rejects(client.embeddings.create({model, input, dimensions: 8}), OpenAI.BadRequestError, 400, {param: 'dimensions'});
  },

  async unknown_model() {
    await rejects(client.chat.completions.create({model: 'no-such', messages: messages('x')}), OpenAI.NotFoundError, 404,
                  {code: 'model_not_found', param: 'model', type: 'invalid_request_error'});
    await rejects(client.chat.completions.create({model: 'no-such', messages: messages('x'), stream: true}),
                  OpenAI.NotFoundError, 404, {code: 'model_not_found'});
  },

  async bad_json() {
    const answer = await fetch(`${client.baseURL}/chat/completions`, {
      method: 'POST', headers: {'content-type': 'application/json'}, body: '{"model":"tiny","messages":[', });
    assert.equal(answer.status, 400);
    const {error} = await answer.json();
    assert.equal(error.type, 'invalid_request_error');
  },

  async wrong_type_of_model() {
    await rejects(client.chat.completions.create({model: 5, messages: messages('x')}), OpenAI.BadRequestError, 400,
                  {param: 'model'});
    await rejects(client.chat.completions.create({messages: messages('x')}), OpenAI.BadRequestError, 400,
                  {param: 'model'});
  },

  async rejected_by_backend() {
    await rejects(client.chat.completions.create({model, messages: messages('x'), temperature: 'hot'}),
                  OpenAI.BadRequestError, 400);
    await rejects(client.chat.completions.create({model, messages: 'x'}), OpenAI.BadRequestError, 400);
    const error = await rejects(client.chat.completions.create({model, messages: messages('x'), temperature: 3}),
                                OpenAI.BadRequestError, 400);
    assert.match(error.message, /temperature/);
  },

  async unknown_path() {
    await rejects(client.images.generate({model, prompt: 'x'}), OpenAI.NotFoundError, 404);
  },

  async fifty_streams() {
    const answers = await Promise.all(Array.from({length: 50}, async (_, i) => {
      const prompt = `stream ${i} says`;
      const count = 10 + (i % 7);
      const got = await collect(await client.chat.completions.create({
        model, messages: messages(prompt), max_tokens: count, stream: true, temperature: 0,
        stream_options: {include_usage: true}, ...(words ? {} : {ignore_eos: true}),
      }));
      return {got, prompt, count};
    }));
    for (const {got, prompt, count} of answers) {
      assert.equal(got.usage.completion_tokens, count);
      assert.equal(got.finish, 'length');
      if (words) assert.equal(got.text, expected(prompt, count));
    }
  },

  async backend_down() {
    const error = await rejects(client.chat.completions.create({model, messages: messages('x')}),
                                OpenAI.InternalServerError, 503);
    assert.equal(error.type, 'api_error');
  },
};

await scenarios[process.argv[2]]();
