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

function sampleFor(path) {
  const ending = Object.keys(SAMPLES).find((end) => path.endsWith(end));
  return ending ? JSON.stringify(SAMPLES[ending], null, 2) : "";
}

async function send(method, path, inputs, body, output) {
  for (const [name, input] of inputs) path = path.replace(`{${name}}`, encodeURIComponent(input.value));
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

function drawRoute(path, method, operation) {
  const summary = element("summary", "", element("b", method.toUpperCase()), ` ${path} `);
  if (!operation.security) summary.append(element("small", "(no key needed)"));
  const details = element("details", "", summary);
  const inputs = (operation.parameters || []).map((parameter) => {
    const input = element("input");
    details.append(element("label", parameter.name, input));
    return [parameter.name, input];
  });
  let body = null;
  if (operation.requestBody) {
    body = element("textarea");
    body.value = sampleFor(path);
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
    for (const [method, operation] of Object.entries(methods)) main.append(drawRoute(path, method, operation));
  }
}

draw();
