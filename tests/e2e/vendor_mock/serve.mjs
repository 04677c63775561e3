// Starts the mock with what the tests ask for, and says where it listens.
import { LLMock } from "@copilotkit/aimock";

const weather = { name: "get_weather", arguments: '{"city":"Paris"}' };
const time = { name: "get_time", arguments: '{"tz":"CET"}' };
const mock = new LLMock({ port: 0 });

mock.addFixture({ match: { userMessage: "two calls", hasToolResult: false }, response: { toolCalls: [weather, time] } });
mock.addFixture({ match: { userMessage: "one call", hasToolResult: false }, response: { toolCalls: [weather] } });
mock.addFixture({ match: { hasToolResult: true }, response: { content: "It is sunny in Paris." } });
mock.addFixture({ match: { userMessage: "hello" }, response: { content: "Hello from the mock — schön. 🗼" } });
mock.addFixture({
  match: { userMessage: "too often" },
  response: { error: { message: "Slow down.", type: "rate_limit_error" }, status: 429 },
});
mock.addFixture({
  match: { userMessage: "broken" },
  response: { error: { message: "Out of order.", type: "server_error" }, status: 500 },
});
mock.addFixture({ match: { inputText: "embed me" }, response: { embedding: [0.1, -0.2, 0.3] } });

await mock.start();
console.log(mock.url);
process.stdin.resume();
process.stdin.on("end", () => process.exit(0)); // with the test that started it
