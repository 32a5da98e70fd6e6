// What goes well, against both providers where both can do it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { client, providers, says, seen } from "./clients.js";

const parameters = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};
const weather = { type: "function", function: { name: "weather", strict: true, parameters } };
const personFormat = {
  type: "json_schema",
  json_schema: {
    name: "person",
    strict: true,
    schema: {
      type: "object",
      properties: {
        name: { type: "string" },
        age: { type: "integer" },
        languages: { type: "array", items: { type: "string" } },
      },
      required: ["name", "age", "languages"],
      additionalProperties: false,
    },
  },
};
const person = { name: "Ada", age: 36, languages: ["de", "fr"] };
const cities = [{ city: "Berlin" }, { city: "Paris" }];

const callsOf = (message) => message.tool_calls.map((call) => JSON.parse(call.function.arguments));

for (const { model, question, answer } of providers) {
  test(`${model}: a whole answer`, async () => {
    const completion = await client.chat.completions.create({ model, messages: says(question) });
    assert.equal(completion.choices[0].message.content, answer);
    assert.equal(completion.choices[0].finish_reason, "stop");
    assert.ok(completion._request_id.length >= 16);
  });

  test(`${model}: a stream`, async () => {
    const stream = await client.chat.completions.create({
      model,
      messages: says(question),
      stream: true,
    });
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    assert.equal(chunks.map((chunk) => chunk.choices[0].delta.content ?? "").join(""), answer);
    assert.equal(chunks.at(-1).choices[0].finish_reason, "stop");
    assert.ok(
      chunks.every((chunk) => !chunk.usage),
      "nobody asked for usage",
    );
  });

  test(`${model}: a stream with usage`, async () => {
    const stream = await client.chat.completions.create({
      model,
      messages: says(question),
      stream: true,
      stream_options: { include_usage: true },
    });
    let last;
    for await (const chunk of stream) last = chunk;
    assert.deepEqual(last.choices, []);
    assert.ok(last.usage.total_tokens > 0);
  });

  test(`${model}: the streaming helper`, async () => {
    const stream = client.chat.completions.stream({ model, messages: says(question) });
    let text = "";
    stream.on("content", (delta) => (text += delta));
    const completion = await stream.finalChatCompletion();
    assert.equal(text, answer);
    assert.equal(completion.choices[0].message.content, answer);
  });

  test(`${model}: parallel tool calls and their results`, async () => {
    const messages = says("weather Berlin Paris");
    const asked = await client.chat.completions.create({ model, messages, tools: [weather] });
    const { message, finish_reason: reason } = asked.choices[0];
    assert.equal(reason, "tool_calls");
    assert.deepEqual(callsOf(message), cities);
    messages.push(message);
    for (const call of message.tool_calls) {
      messages.push({ role: "tool", tool_call_id: call.id, content: `sunny ${call.id}` });
    }
    const told = await client.chat.completions.create({ model, messages, tools: [weather] });
    const expected = ["The tools said: sunny call_0; sunny call_1", "Sunny in both."];
    assert.ok(expected.includes(told.choices[0].message.content));
  });

  test(`${model}: streamed parallel tool calls`, async () => {
    const messages = says("weather Berlin Paris");
    const stream = client.chat.completions.stream({ model, messages, tools: [weather] });
    const completion = await stream.finalChatCompletion();
    assert.deepEqual(callsOf(completion.choices[0].message), cities);
  });

  test(`${model}: tools that the client runs by itself`, async () => {
    const asked = [];
    const run = (argument) => {
      asked.push(argument);
      return `sunny in ${argument.city}`;
    };
    const tool = { ...weather.function, function: run, parse: JSON.parse };
    const runner = client.chat.completions.runTools({
      model,
      messages: says("weather Berlin Paris"),
      tools: [{ type: "function", function: tool }],
    });
    const said = await runner.finalContent();
    assert.deepEqual(asked, cities);
    assert.match(said, /sunny in Berlin; sunny in Paris|Sunny in both\./);
  });

  test(`${model}: JSON by schema`, async () => {
    const messages = says("a person");
    const completion = await client.chat.completions.parse({
      model,
      messages,
      response_format: personFormat,
    });
    assert.deepEqual(JSON.parse(completion.choices[0].message.content), person);
    const stream = client.chat.completions.stream({
      model,
      messages,
      response_format: personFormat,
    });
    const streamed = await stream.finalChatCompletion();
    assert.deepEqual(JSON.parse(streamed.choices[0].message.content), person);
  });
}

test("the project's model", async () => {
  for (const model of ["", "default", undefined]) {
    const completion = await client.chat.completions.create({ model, messages: says("say yes") });
    assert.equal(completion.choices[0].message.content, "yes");
  }
});

test("images in parts", async () => {
  const image = (url) => ({ type: "image_url", image_url: { url } });
  const content = [
    { type: "text", text: "look node-images" },
    image("data:image/png;base64,iVBORw0KGgo="),
    image("https://example.com/picture.png"),
  ];
  const messages = [{ role: "user", content }];
  const completion = await client.chat.completions.create({ model: "scripted", messages });
  assert.match(completion.choices[0].message.content, /^2 images: data:image/);
  assert.deepEqual((await seen("node-images")).body.messages, messages);
});

test("many at once", async () => {
  const ask = async (number) => {
    const messages = says(`say number-${number}`);
    const stream = await client.chat.completions.create({
      model: "scripted",
      messages,
      stream: true,
    });
    let text = "";
    for await (const chunk of stream) text += chunk.choices[0].delta.content ?? "";
    return text;
  };
  const numbers = Array.from({ length: 30 }, (_, number) => number);
  const texts = await Promise.all(numbers.map(ask));
  assert.deepEqual(
    texts,
    numbers.map((number) => `number-${number}`),
  );
});

test("a long stream keeps every character", async () => {
  const messages = says("a long story");
  const stream = await client.chat.completions.create({ model: "aimock", messages, stream: true });
  let text = "";
  for await (const chunk of stream) text += chunk.choices[0].delta.content ?? "";
  assert.match(text, /^Once upon .*Ünïcödé and 😀.* whole story\.$/s);
});

test("models", async () => {
  const models = await client.models.list();
  assert.deepEqual(
    models.data.map((model) => model.id),
    ["scripted", "aimock"],
  );
  assert.equal((await client.models.retrieve("aimock")).id, "aimock");
});

test("embeddings", async () => {
  const answer = await client.embeddings.create({ model: "scripted", input: ["a", "b"] });
  assert.deepEqual(
    answer.data.map((item) => Array.from(item.embedding)),
    [
      [1, -2],
      [1, -2],
    ],
  );
  const floats = { model: "scripted", input: "a", encoding_format: "float" };
  assert.deepEqual((await client.embeddings.create(floats)).data[0].embedding, [1, -2]);
});

test("headers of an answer", async () => {
  const asking = client.chat.completions.create({ model: "scripted", messages: says("say hi") });
  const { data, response, request_id: id } = await asking.withResponse();
  assert.equal(data.choices[0].message.content, "hi");
  assert.equal(id, response.headers.get("x-trace-id"));
  assert.equal(response.headers.get("x-ratelimit-limit"), "1000000");
});
