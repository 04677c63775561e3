// What programs do with Vercel's AI SDK: texts, streams, tools, structured answers, errors.
// Run as: node client.mjs chat|responses|compatible|anthropic URL KEY

import assert from "node:assert/strict";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { embedMany, generateText, Output, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const [kind, url, apiKey] = process.argv.slice(2);
const baseURL = `${url}/v1`;
const openai = createOpenAI({ baseURL, apiKey });
const compatible = createOpenAICompatible({
  name: "tianji",
  baseURL,
  apiKey,
  includeUsage: true,
  supportsStructuredOutputs: true,
});
const anthropic = createAnthropic({ baseURL, apiKey });
const model = {
  chat: (name) => openai.chat(name),
  responses: (name) => openai.responses(name),
  compatible: (name) => compatible(name),
  anthropic: (name) => anthropic(name),
}[kind];
globalThis.AI_SDK_LOG_WARNINGS = false;
const quiet = { maxRetries: 0, maxOutputTokens: 200 };

async function texts() {
  const asked = { model: model("echo"), system: "Be terse.", prompt: "hello", ...quiet };
  const whole = await generateText(asked);
  assert.match(whole.text, /hello/);
  assert.equal(whole.finishReason, "stop");
  assert.ok(whole.usage.inputTokens > 0);
  assert.ok(whole.usage.outputTokens > 0);
  const stream = streamText(asked);
  const pieces = [];
  for await (const piece of stream.textStream) pieces.push(piece);
  assert.ok(pieces.length > 1, "the stream came in one piece");
  assert.equal(pieces.join(""), whole.text);
  assert.equal(await stream.finishReason, "stop");
  assert.equal((await stream.usage).outputTokens, whole.usage.outputTokens);
}

async function tools() {
  const get_weather = tool({
    description: "The weather of a city.",
    inputSchema: z.object({ city: z.string(), days: z.number().int() }),
    execute: async ({ city, days }) => `18 degrees in ${city} for ${days} days`,
  });
  const prompt = 'call get_weather {"city": "Paris", "days": 2}';
  const asked = { model: model("echo"), tools: { get_weather }, prompt, stopWhen: stepCountIs(2), ...quiet };
  const whole = await generateText(asked);
  assert.deepEqual(whole.steps[0].toolCalls[0].input, { city: "Paris", days: 2 });
  assert.match(whole.text, /18 degrees in Paris for 2 days/);
  const stream = streamText(asked);
  await stream.consumeStream();
  const steps = await stream.steps;
  assert.deepEqual(steps[0].toolCalls[0].input, { city: "Paris", days: 2 });
  assert.equal(steps[0].finishReason, "tool-calls");
  assert.match(await stream.text, /18 degrees in Paris for 2 days/);
}

async function structured() {
  const schema = z.object({ name: z.string(), age: z.number(), tags: z.array(z.string()) });
  const asked = { model: model("echo"), output: Output.object({ schema }), prompt: "somebody", ...quiet };
  const whole = await generateText(asked);
  schema.parse(whole.output);
  const stream = streamText(asked);
  let last;
  for await (const partial of stream.partialOutputStream) last = partial;
  assert.deepEqual(last, whole.output);
}

async function pictures() {
  const image = Uint8Array.from([137, 80, 78, 71, 13, 10, 26, 10]);
  const content = [
    { type: "text", text: "look" },
    { type: "file", data: image, mediaType: "image/png" },
  ];
  const found = await generateText({ model: model("echo"), messages: [{ role: "user", content }], ...quiet });
  assert.match(found.text, /look/);
}

async function failures() {
  for (const status of [400, 401, 429, 500]) {
    const asked = { model: model("m"), prompt: `status ${status}`, ...quiet };
    await assert.rejects(generateText(asked), (error) => {
      assert.equal(error.statusCode, status);
      assert.match(error.message, new RegExp(`Status ${status}\\.`));
      return true;
    });
  }
  const errors = [];
  const stream = streamText({ model: model("m"), prompt: "break", ...quiet, onError: ({ error }) => errors.push(error) });
  await stream.consumeStream({ onError: () => {} });
  assert.equal(errors.length, 1, "a stream that breaks off was taken for whole");
}

async function embeddings() {
  const models = { chat: openai, compatible };
  if (!(kind in models)) return;
  const found = await embedMany({ model: models[kind].textEmbeddingModel("echo"), values: ["one", "two"], maxRetries: 0 });
  assert.equal(found.embeddings.length, 2);
  assert.equal(found.embeddings[0].length, 64);
}

for (const part of [texts, tools, structured, pictures, failures, embeddings]) {
  try {
    await part();
  } catch (error) {
    console.error(`${kind}: ${part.name} failed`);
    console.error(error);
    process.exitCode = 1;
  }
}
