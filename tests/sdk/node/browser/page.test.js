// A page in a real browser: its backend has minted a token, and it chats with OpenAI's client.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";
import { chromium } from "playwright-core";

import { baseURL, eventually, key, seen } from "../clients.js";

const gateway = process.env.BEHEST_URL;
const slugURL = `${gateway.replace("127.0.0.1", "amber-fox-042.behest.localhost")}/v1`;
const mintPaths = ["/v1/auth/mint", "/auth/v1/auth/mint"];
const port = Number(process.env.PAGE_PORT);
const pageURL = `http://127.0.0.1:${port}`;
/** This name of the same server is allowed by another project only. */
const othersURL = `http://localhost:${port}`;

let browser, servers, page, token;

function browserProgram() {
  const names = ["chromium-headless-shell", "chromium", "google-chrome"];
  const found = (name) => {
    try {
      return execFileSync("sh", ["-c", `command -v ${name}`], { encoding: "utf8" }).trim();
    } catch {
      return undefined;
    }
  };
  return process.env.CHROMIUM ?? names.map(found).find(Boolean);
}

async function serve(script, onPort) {
  const server = createServer((request, response) => {
    const isScript = request.url === "/page.js";
    response.setHeader("Content-Type", isScript ? "text/javascript" : "text/html; charset=utf-8");
    response.end(isScript ? script : '<!doctype html><script src="/page.js"></script>');
  });
  await new Promise((ready) => server.listen(onPort, "127.0.0.1", ready));
  return server;
}

async function open(url) {
  const opened = await browser.newPage();
  await opened.goto(url);
  await opened.waitForFunction("globalThis.whole");
  return opened;
}

async function mint(body = { user_id: "user-of-a-page" }, headers = {}) {
  return await fetch(`${gateway}${mintPaths[0]}`, {
    method: "POST",
    headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

/** Calls one of the functions that `page.js` defines. */
const call = (on, name, ...given) =>
  on.evaluate(([name, given]) => globalThis[name](...given), [name, given]);

before(async () => {
  const bundled = await build({
    entryPoints: [fileURLToPath(new URL("page.js", import.meta.url))],
    bundle: true,
    platform: "browser",
    write: false,
    logLevel: "error",
  });
  const script = bundled.outputFiles[0].text;
  servers = [await serve(script, port), await serve(script, 0)];
  browser = await chromium.launch({ executablePath: browserProgram(), args: ["--no-sandbox"] });
  page = await open(pageURL);
  token = (await (await mint()).json()).jwt;
});

after(async () => {
  await browser?.close();
  for (const server of servers ?? []) server.close();
});

for (const [name, base] of [
  ["a shared host", baseURL],
  ["the project's host", slugURL],
]) {
  test(`${name}: a whole answer and its id`, async () => {
    const answer = await call(page, "whole", { baseURL: base, token }, "say Hello, wörld 😀");
    assert.equal(answer.said, "Hello, wörld 😀", JSON.stringify(answer));
    assert.ok(answer.id.length >= 16);
  });

  test(`${name}: a stream`, async () => {
    const headers = { "X-Session-Id": "session-1", "X-End-User-Id": "not-me" };
    const settings = { baseURL: base, token, headers };
    const answer = await call(page, "streamed", settings, "say Hello, wörld 😀");
    assert.deepEqual(answer, { said: "Hello, wörld 😀" });
  });

  test(`${name}: models`, async () => {
    const answer = await call(page, "models", { baseURL: base, token });
    assert.deepEqual(answer, { models: ["scripted", "aimock"] });
  });

  test(`${name}: a page can read what is wrong with its token`, async () => {
    for (const ask of ["whole", "streamed"]) {
      const { error } = await call(page, ask, { baseURL: base, token: `${token}x` }, "say no");
      assert.deepEqual([error.status, error.code], [401, "invalid_token"], JSON.stringify(error));
      assert.ok(error.requestID.length >= 16);
    }
  });

  test(`${name}: a page of an origin that nobody allows`, async () => {
    const name = randomUUID();
    const elsewhere = await open(`http://127.0.0.1:${servers[1].address().port}`);
    for (const ask of ["whole", "streamed"]) {
      const { error } = await call(elsewhere, ask, { baseURL: base, token }, `say ${name}`);
      assert.equal(error.status, undefined, "there is nothing that the page could read");
      assert.equal(error.requestID ?? undefined, undefined);
    }
    assert.equal((await seen(name)).count, 0);
    await elsewhere.close();
  });

  test(`${name}: a page of an origin that only another project allows`, async () => {
    const name = randomUUID();
    const elsewhere = await open(othersURL);
    for (const ask of ["whole", "streamed"]) {
      const { error } = await call(elsewhere, ask, { baseURL: base, token }, `say ${name}`);
      assert.equal(error.status, undefined, "there is nothing that the page could read");
    }
    assert.equal((await seen(name)).count, 0);
    await elsewhere.close();
  });
}

test("a page that leaves its stream", async () => {
  const name = randomUUID();
  const answer = await call(page, "streamed", { baseURL, token }, `slow ${name}`, 5);
  assert.ok(answer.said.length > 0);
  await eventually(async () => (await seen(name)).left);
});

test("a page that is closed in mid-stream", async () => {
  const name = randomUUID();
  const closing = await open(pageURL);
  const asking = call(closing, "streamed", { baseURL, token }, `slow ${name}`);
  await eventually(async () => (await seen(name)).count > 0);
  await Promise.all([asking.catch(() => undefined), closing.close()]);
  await eventually(async () => (await seen(name)).left);
});

test("whoever is no browser is told why", async () => {
  for (const origin of [`http://127.0.0.1:${servers[1].address().port}`, othersURL]) {
    const answer = await fetch(`${baseURL}/chat/completions`, {
      method: "POST",
      headers: {
        Authorization: `Bearer ${token}`,
        "Content-Type": "application/json",
        Origin: origin,
      },
      body: JSON.stringify({ messages: [{ role: "user", content: "say no" }] }),
    });
    assert.equal(answer.status, 403);
    assert.equal(answer.headers.get("access-control-allow-origin"), null);
    assert.equal((await answer.json()).error.code, "forbidden");
  }
});

test("a page cannot mint", async () => {
  for (const path of mintPaths) {
    const options = {
      method: "POST",
      headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
      body: JSON.stringify({ user_id: "user-of-a-page" }),
    };
    const answer = await call(page, "fetched", `${gateway}${path}`, options);
    assert.equal(answer.error?.kind, "TypeError", JSON.stringify(answer));
    // Without a preflight it can send, but neither say who it is nor read the answer.
    const simple = { method: "POST", mode: "no-cors", body: '{"user_id":"user-of-a-page"}' };
    const blind = await call(page, "fetched", `${gateway}${path}`, simple);
    assert.deepEqual([blind.status, blind.type, blind.text], [0, "opaque", ""]);
  }
  const refused = await mint({ user_id: "user-of-a-page" }, { Origin: pageURL });
  assert.equal(refused.status, 403);
  const headers = [...refused.headers.keys()].filter((name) => name.startsWith("access-control-"));
  assert.deepEqual(headers, []);
});
