"""What is done in Redis itself, so that nobody comes between looking and taking. Redis's own clock counts."""

from __future__ import annotations

from tianji_core.state.link import Script
from tianji_core.state.windows import BUCKETS

_CLOCK = f"""
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local PARTS = {BUCKETS}
"""

# A window is a hash from the number of a part to its amount, a lease a sorted set of holders by the moment they end.
TAKE = Script(
    _CLOCK
    + """
local found = {}
for i, key in ipairs(KEYS) do
  local amount, limit, span, holder = tonumber(ARGV[4*i-3]), tonumber(ARGV[4*i-2]), tonumber(ARGV[4*i-1]), ARGV[4*i]
  if holder ~= '' then
    redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
    local held = redis.call('ZCARD', key)
    if not redis.call('ZSCORE', key, holder) then
      if held + 1 > limit then return {0, i - 1, 1000} end
      held = held + 1
    end
    found[i] = held
  else
    local width = span / PARTS
    local present = math.floor(now / width)
    local used, parts = 0, {}
    local flat = redis.call('HGETALL', key)
    for j = 1, #flat, 2 do
      local number = tonumber(flat[j])
      if number < present - PARTS then
        redis.call('HDEL', key, flat[j])
      else
        if number > present then  -- the clock was set back
          redis.call('HINCRBYFLOAT', key, present, flat[j+1])
          redis.call('HDEL', key, flat[j])
          number = present
        end
        used = used + tonumber(flat[j+1])
        parts[#parts+1] = {number, tonumber(flat[j+1])}
      end
    end
    if amount > 0 and used + amount > limit + 1e-9 then
      local excess, wait = used + amount - limit, span
      table.sort(parts, function(a, b) return a[1] < b[1] end)
      for _, part in ipairs(parts) do
        excess = excess - part[2]
        if excess <= 1e-9 then
          wait = (part[1] + PARTS + 1) * width - now
          break
        end
      end
      return {0, i - 1, math.ceil(wait)}
    end
    found[i] = used + amount
  end
end
local reply = {1, now}
for i, key in ipairs(KEYS) do
  local amount, span, holder = tonumber(ARGV[4*i-3]), tonumber(ARGV[4*i-1]), ARGV[4*i]
  if holder ~= '' then
    redis.call('ZADD', key, now + span, holder)
    redis.call('PEXPIRE', key, math.ceil(span))
  elseif amount > 0 then
    redis.call('HINCRBYFLOAT', key, math.floor(now / (span / PARTS)), ARGV[4*i-3])
    redis.call('PEXPIRE', key, math.ceil(span + span / PARTS))
  end
  reply[i+2] = string.format('%.17g', found[i])
end
return reply
"""
)

# Corrections, each: difference, span, and the moment it was taken at, or '' and how long ago that is.
SETTLE = Script(
    _CLOCK
    + """
for i, key in ipairs(KEYS) do
  local difference, span = tonumber(ARGV[4*i-3]), tonumber(ARGV[4*i-2])
  local width = span / PARTS
  local at = tonumber(ARGV[4*i-1]) or now - tonumber(ARGV[4*i])
  local part = math.floor(at / width)
  if part >= math.floor(now / width) - PARTS then
    local known = redis.call('HEXISTS', key, part) == 1
    if difference > 0 or known then
      local left = tonumber(redis.call('HINCRBYFLOAT', key, part, ARGV[4*i-3]))
      if left <= 0 then redis.call('HDEL', key, part) end
      redis.call('PEXPIRE', key, math.ceil(span + width))
    end
  end
end
return 1
"""
)

# Counters, each: amount, life in milliseconds from the first amount on.
ADD = Script(
    """
local totals = {}
for i, key in ipairs(KEYS) do
  totals[i] = redis.call('INCRBYFLOAT', key, ARGV[2*i-1])
  if redis.call('PTTL', key) < 0 then redis.call('PEXPIRE', key, ARGV[2*i]) end
end
return totals
"""
)

# The replicas that live, and the leases of this one. ARGV: who, its life, a lease's life, then a holder for each key.
BEAT = Script(
    _CLOCK
    + """
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
for i = 2, #KEYS do
  redis.call('ZADD', KEYS[i], now + ARGV[3], ARGV[i+2])
  redis.call('PEXPIRE', KEYS[i], ARGV[3])
end
return redis.call('ZCARD', KEYS[1])
"""
)
