// Clients as their users make them: the base URL and the key are all that is ours.

export const { default: OpenAI } = await import(process.env.OPENAI_PACKAGE ?? "openai");

export const baseURL = `${process.env.BEHEST_URL}/v1`;
export const key = process.env.BEHEST_KEY;
export const limitedKey = process.env.BEHEST_LIMITED_KEY;
export const tightKey = process.env.BEHEST_TIGHT_KEY;
export const hastyKey = process.env.BEHEST_HASTY_KEY;

export const client = new OpenAI({ baseURL, apiKey: key });
export const clientWithoutRetries = new OpenAI({ baseURL, apiKey: key, maxRetries: 0 });

/** The two providers, with a question and its answer. */
export const providers = [
  { model: "scripted", question: "say Hello, wörld 😀", answer: "Hello, wörld 😀" },
  { model: "aimock", question: "hi", answer: "Hello from aimock." },
];

export const says = (content) => [{ role: "user", content }];

/** What the scripted provider saw of requests whose message held this name. */
export async function seen(name) {
  const answer = await fetch(`${process.env.SCRIPTED_URL}/seen/${name}`);
  return await answer.json();
}

/** Looks again until there is something true to see. */
export async function eventually(look) {
  for (let left = 500; left > 0; left -= 1) {
    const found = await look();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error("waited in vain");
}
