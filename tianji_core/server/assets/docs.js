"use strict";

// Draws /openapi.json as a list of routes that can be tried out. No dependency, nothing loaded from elsewhere.

const ROOT = document.documentElement.dataset.root;

const SAMPLES = {
  "/chat/completions": { model: "", messages: [{ role: "user", content: "Hello!" }] },
  "/completions": { model: "", prompt: "Once upon a time" },
  "/embeddings": { model: "", input: "hello" },
};

function element(tag, text, ...children) {
  const node = document.createElement(tag);
  if (text) node.textContent = text;
  node.append(...children);
  return node;
}

// The least that fits a schema: of objects the members that have to be there.
function sampleOf(schema, spec) {
  if (schema.$ref) return sampleOf(spec.components.schemas[schema.$ref.split("/").pop()], spec);
  if (schema.allOf) return Object.assign({}, ...schema.allOf.map((part) => sampleOf(part, spec)));
  if (schema.anyOf) return sampleOf(schema.anyOf[0], spec);
  if ("const" in schema) return schema.const;
  if (schema.enum) return schema.enum[0];
  const kind = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (kind === "object") {
    const members = (schema.required || []).map((name) => [name, sampleOf(schema.properties[name], spec)]);
    return Object.fromEntries(members);
  }
  if (kind === "array") return [sampleOf(schema.items, spec)];
  return { integer: 0, number: 0, boolean: false, string: "" }[kind] ?? null;
}

function sampleFor(path, media, spec) {
  const ending = Object.keys(SAMPLES).find((end) => path.endsWith(end));
  if (ending) return JSON.stringify(SAMPLES[ending], null, 2);
  return media ? JSON.stringify(sampleOf(media.schema, spec), null, 2) : "";
}

async function send(method, path, inputs, body, output) {
  const query = new URLSearchParams();
  for (const [parameter, input] of inputs) {
    if (parameter.in === "path") path = path.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
    else if (input.value) query.set(parameter.name, input.value);
  }
  if (query.size) path += `?${query}`;
  const headers = {};
  const key = document.getElementById("key").value;
  if (key) headers.authorization = `Bearer ${key}`;
  if (body) headers["content-type"] = "application/json";
  output.textContent = "…";
  try {
    const answer = await fetch(ROOT + path, { method, headers, body: body ? body.value : undefined });
    output.textContent = `${answer.status}\n`;
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) output.textContent += part.value;
  } catch (error) {
    output.textContent = String(error);
  }
}

function drawRoute(path, method, operation, spec) {
  const summary = element("summary", "", element("b", method.toUpperCase()), ` ${path} `);
  if (operation.summary) summary.append(element("small", operation.summary));
  if (!operation.security) summary.append(element("small", " (no key needed)"));
  const details = element("details", "", summary);
  const asked = (operation.parameters || []).filter((parameter) => parameter.in !== "header");
  const inputs = asked.map((parameter) => {
    const input = element("input");
    details.append(element("label", parameter.name, input));
    return [parameter, input];
  });
  let body = null;
  if (operation.requestBody) {
    body = element("textarea");
    body.value = sampleFor(path, operation.requestBody.content["application/json"], spec);
    details.append(body);
  }
  const output = element("pre");
  const button = element("button", "Send");
  button.addEventListener("click", () => send(method.toUpperCase(), path, inputs, body, output));
  details.append(button, output);
  return details;
}

async function draw() {
  const main = document.getElementById("routes");
  const spec = await (await fetch(`${ROOT}/openapi.json`)).json();
  document.getElementById("about").textContent = `${spec.info.description} Version ${spec.info.version}.`;
  main.replaceChildren();
  for (const [path, methods] of Object.entries(spec.paths)) {
    for (const [method, operation] of Object.entries(methods)) main.append(drawRoute(path, method, operation, spec));
  }
}

draw();
