// What runs in the page: OpenAI's client as an app bundles it, and plain fetch. Errors are told in
// plain members, for what a page throws cannot leave it.

import OpenAI from "openai";

const told = (error) => ({
  kind: error.constructor.name,
  status: error.status,
  code: error.code,
  requestID: error.requestID,
});

async function telling(act) {
  try {
    return await act();
  } catch (error) {
    return { error: told(error) };
  }
}

const client = ({ baseURL, token, headers }) =>
  new OpenAI({
    baseURL,
    apiKey: token,
    defaultHeaders: headers,
    maxRetries: 0,
    dangerouslyAllowBrowser: true,
  });

const body = (text) => ({ model: "", messages: [{ role: "user", content: text }] });

globalThis.whole = (settings, text) =>
  telling(async () => {
    const asking = client(settings).chat.completions.create(body(text));
    const { data, response } = await asking.withResponse();
    const said = data.choices[0].message.content;
    return { said, id: response.headers.get("x-request-id") };
  });

globalThis.streamed = (settings, text, chunks = Infinity) =>
  telling(async () => {
    const asking = { ...body(text), stream: true };
    let said = "";
    for await (const chunk of await client(settings).chat.completions.create(asking)) {
      said += chunk.choices[0].delta.content ?? "";
      chunks -= 1;
      if (chunks === 0) break;
    }
    return { said };
  });

globalThis.models = (settings) =>
  telling(async () => ({ models: (await client(settings).models.list()).data.map((m) => m.id) }));

globalThis.fetched = (url, options) =>
  telling(async () => {
    const answer = await fetch(url, options);
    return { status: answer.status, type: answer.type, text: await answer.text() };
  });
