-- Answers of the mock upstream, made once at start. A body with "stream": true gets 60 chunks, each flushed by itself
-- and 1 ms after the one before, so that a gateway sees them as separate segments; all other bodies get one JSON object.
local CHUNKS, PAUSE = 60, 0.001

local PLAIN = '{"id":"chatcmpl-bench0123456789abcdefghijk","object":"chat.completion","created":1760000000,' ..
  '"model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"message":{"role":"assistant","content":' ..
  '"The stars are so far away that nothing here can pull them down, and they move along their own wide ways.",' ..
  '"refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":31,' ..
  '"completion_tokens":24,"total_tokens":55},"service_tier":"default","system_fingerprint":"fp_bench"}'

local function event(choices, usage)
  return 'data: {"id":"chatcmpl-bench0123456789abcdefghijk","object":"chat.completion.chunk","created":1760000000,' ..
    '"model":"gpt-4o-mini-2024-07-18","service_tier":"default","system_fingerprint":"fp_bench","choices":' .. choices ..
    ',"usage":' .. usage .. '}\n\n'
end

local function delta(inner, finish)
  return event('[{"index":0,"delta":' .. inner .. ',"logprobs":null,"finish_reason":' .. finish .. '}]', 'null')
end

local stream = { delta('{"role":"assistant","content":"","refusal":null}', 'null') }
for i = 2, CHUNKS - 1 do
  stream[i] = delta('{"content":" word' .. i .. '"}', 'null')
end
stream[CHUNKS] = delta('{}', '"stop"')
local USAGE = event('[]', '{"prompt_tokens":31,"completion_tokens":58,"total_tokens":89}')
local DONE = 'data: [DONE]\n\n'

local chat = {}

function chat.answer()
  ngx.req.read_body()
  local body = ngx.req.get_body_data() or ""
  if not body:find('"stream"%s*:%s*true') then
    ngx.header["Content-Length"] = #PLAIN
    ngx.print(PLAIN)
    return
  end
  ngx.header["Content-Type"] = "text/event-stream; charset=utf-8"
  for i = 1, CHUNKS do
    ngx.print(stream[i])
    -- An error here means that the client has gone.
    if not ngx.flush(true) then
      return
    end
    ngx.sleep(PAUSE)
  end
  -- As the real one does: the usage chunk comes only to those who asked for it.
  if body:find('"include_usage"%s*:%s*true') then
    ngx.print(USAGE)
  end
  ngx.print(DONE)
end

return chat
