-- wrk script: POST one JSON body over and over, check every answer, and end cleanly.
--
--   wrk -t1 -c32 -d600s -H '...' -s chat.lua URL -- BODY_FILE SECONDS REQUESTS LAST_BYTES
--
-- wrk by itself cuts its connections when the time is up, with work in flight that nobody counts. Here no new
-- request starts once SECONDS are over (or REQUESTS have been started, when that is not 0); those in flight are
-- awaited, then wrk is stopped. So CPU time of the gateway divided by `completed` has nothing half-done in it.
local ffi = require("ffi")
ffi.cdef [[
  typedef struct { long sec; long nsec; } tianji_timespec;
  int clock_gettime(int clock, tianji_timespec *out);
  int getpid(void);
  int kill(int pid, int signal);
]]

local MONOTONIC, SIGINT, FOREVER_MS = 1, 2, 3600 * 1000
local spec = ffi.new("tianji_timespec")

local function now()
  ffi.C.clock_gettime(MONOTONIC, spec)
  return tonumber(spec.sec) + tonumber(spec.nsec) / 1e9
end

-- Globals: read from the main thread with thread:get().
started, completed, bad, first, last, sample = 0, 0, 0, 0, 0, ""
local seconds, requests, last_bytes, draining = 0, 0, "", false

local threads = {}

function setup(thread)
  threads[#threads + 1] = thread
end

function init(args)
  local file = assert(io.open(args[1], "rb"))
  wrk.method, wrk.body = "POST", file:read("*a")
  file:close()
  wrk.headers["Content-Type"] = "application/json"
  seconds, requests, last_bytes = tonumber(args[2]), tonumber(args[3]), args[4]
end

local function stop_when_drained()
  if draining and completed >= started then
    ffi.C.kill(ffi.C.getpid(), SIGINT)
  end
end

-- Called before each request of each connection.
function delay()
  if first == 0 then
    first = now()
  end
  local over
  if requests > 0 then
    over = started >= requests
  else
    over = now() - first >= seconds
  end
  if over then
    draining = true
    stop_when_drained()
    return FOREVER_MS
  end
  started = started + 1
  return 0
end

function response(status, headers, body)
  completed = completed + 1
  last = now()
  local tail = body:sub(-24):gsub("%s+$", "")
  if status ~= 200 or tail:sub(-#last_bytes) ~= last_bytes then
    bad = bad + 1
    if sample == "" then
      sample = status .. " " .. body:sub(1, 300):gsub("[^%g ]", " "):gsub('[\\"]', "'")
    end
  end
  stop_when_drained()
end

function done(summary, latency, _)
  local thread = threads[1]
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"started": %d, "completed": %d, "bad": %d, "sample": "%s", "seconds": %.6f, ' ..
    '"socket_errors": %d, "timeouts": %d, "p50_us": %d, "p95_us": %d, "p99_us": %d, "max_us": %d}\n',
    thread:get("started"), thread:get("completed"), thread:get("bad"), thread:get("sample"),
    thread:get("last") - thread:get("first"),
    errors.connect + errors.read + errors.write, errors.timeout,
    latency:percentile(50), latency:percentile(95), latency:percentile(99), latency.max))
end
