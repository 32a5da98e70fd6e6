// What goes wrong: the classes that users catch, what is tried again, and streams that end early.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";

import {
  OpenAI,
  baseURL,
  client,
  clientWithoutRetries,
  eventually,
  hastyKey,
  key,
  limitedKey,
  says,
  seen,
  tightKey,
} from "./clients.js";

const create = (through, text, more = {}) =>
  through.chat.completions.create({ model: "scripted", messages: says(text), ...more });

async function caught(promise, kind) {
  const error = await promise.then(
    () => assert.fail("nothing was thrown"),
    (error) => error,
  );
  assert.ok(error instanceof kind, `${error.constructor.name}: ${error.message}`);
  return error;
}

test("a wrong key", async () => {
  const wrong = new OpenAI({ baseURL, apiKey: "behest_sk_live_wrong" });
  for (const stream of [false, true]) {
    const error = await caught(create(wrong, "say hi", { stream }), OpenAI.AuthenticationError);
    assert.deepEqual([error.code, error.type], ["invalid_token", "authentication_error"]);
    assert.ok(error.requestID.length >= 16);
  }
});

test("a wrong request", async () => {
  const error = await caught(create(client, "say hi", { model: "none" }), OpenAI.BadRequestError);
  assert.deepEqual([error.code, error.param], ["validation_error", "model"]);
  const missing = client.models.retrieve("none");
  assert.equal((await caught(missing, OpenAI.NotFoundError)).code, "not_found");
});

test("an end user that may not be named so", async () => {
  const defaultHeaders = { "X-End-User-Id": "admin" };
  const named = new OpenAI({ baseURL, apiKey: key, defaultHeaders });
  await caught(create(named, "say hi"), OpenAI.BadRequestError);
});

test("an origin that is not allowed", async () => {
  const evil = new OpenAI({
    baseURL,
    apiKey: key,
    defaultHeaders: { Origin: "https://evil.example" },
  });
  assert.equal(
    (await caught(create(evil, "say hi"), OpenAI.PermissionDeniedError)).code,
    "forbidden",
  );
});

test("a body that is too large", async () => {
  const error = await caught(create(clientWithoutRetries, "x".repeat(5_000_000)), OpenAI.APIError);
  assert.deepEqual([error.status, error.code], [413, "validation_error"]);
});

test("too many requests", async () => {
  const limited = new OpenAI({ baseURL, apiKey: limitedKey, maxRetries: 0 });
  const many = async () => {
    // The minute may turn once meanwhile.
    for (let count = 0; count < 5; count += 1) await create(limited, "say hi");
  };
  const error = await caught(many(), OpenAI.RateLimitError);
  assert.deepEqual([error.code, error.type], ["rate_limited", "rate_limit_error"]);
  assert.ok(Number(error.headers.get("retry-after")) <= 60);
});

for (const [what, apiKey, user, kind, expected] of [
  ["a budget", tightKey, null, OpenAI.APIError, [402, "budget_exceeded", "insufficient_quota"]],
  ["a user's quota", tightKey, "u", OpenAI.APIError, [402, "quota_exceeded", "insufficient_quota"]],
  ["a minute", hastyKey, "u", OpenAI.RateLimitError, [429, "rate_limited", "rate_limit_error"]],
]) {
  test(`${what} that is too small for a request is told once`, async () => {
    let asked = 0;
    const counting = (...request) => {
      asked += 1;
      return fetch(...request);
    };
    const defaultHeaders = user ? { "X-End-User-Id": user } : {};
    const usual = new OpenAI({ baseURL, apiKey, defaultHeaders, fetch: counting });
    const error = await caught(create(usual, "say hi", { max_completion_tokens: 5000 }), kind);
    assert.deepEqual([error.status, error.code, error.type], expected);
    assert.equal(error instanceof OpenAI.RateLimitError, error.status === 429);
    assert.equal(error.headers.get("x-should-retry"), "false");
    assert.equal(error.headers.get("retry-after"), null);
    assert.ok(error.error.details.layer);
    assert.equal(asked, 1);
  });
}

for (const status of [429, 500, 503]) {
  test(`a provider that fails with ${status}`, async () => {
    const error = await caught(
      create(clientWithoutRetries, `fail ${status}`),
      OpenAI.InternalServerError,
    );
    assert.deepEqual([error.status, error.code], [502, "upstream_error"]);
    assert.deepEqual(error.error.details, { provider: "scripted", status });
  });

  test(`a provider that fails with ${status} once is asked again by the client`, async () => {
    const name = randomUUID();
    const completion = await create(client, `flaky ${status} ${name}`);
    assert.equal(completion.choices[0].message.content, `${status} ${name}`);
    assert.equal((await seen(name)).count, 2);
  });
}

for (const [model, text] of [
  ["scripted", "cut it off here please"],
  ["aimock", "a story cut short"],
]) {
  test(`${model}: a stream that breaks`, async () => {
    const stream = await create(client, text, { model, stream: true });
    let said = "";
    const reading = (async () => {
      for await (const chunk of stream) said += chunk.choices[0].delta.content ?? "";
    })();
    const error = await caught(reading, OpenAI.APIError);
    assert.equal(error.code, "upstream_error");
    assert.ok(said.length > 0);
  });
}

test("a stream that is left", async () => {
  const name = randomUUID();
  const stream = await create(client, `slow ${name}`, { stream: true });
  let count = 0;
  for await (const _ of stream) {
    count += 1;
    if (count === 5) stream.controller.abort();
  }
  await eventually(async () => (await seen(name)).left);
});

test("a stream that is broken out of", async () => {
  const name = randomUUID();
  const stream = await create(client, `slow ${name}`, { stream: true });
  for await (const _ of stream) break;
  await eventually(async () => (await seen(name)).left);
});

test("a request that is aborted", async () => {
  const name = randomUUID();
  const abort = new AbortController();
  const body = { model: "scripted", messages: says(`slow ${name}`), stream: true };
  const stream = await client.chat.completions.create(body, { signal: abort.signal });
  const reading = (async () => {
    for await (const _ of stream) abort.abort();
  })();
  await reading.catch((error) => assert.ok(error instanceof OpenAI.APIUserAbortError));
  await eventually(async () => (await seen(name)).left);
});
