#!lua
-- Use a ticket: take the next items of its job under a lease, and give the next ticket.
--
-- a: job, type (of the task), ticket (number), token (made by the caller before), holder (text, for people), lease_ms,
--    hard_ms (hard limit of a chunk),
--    finishes (true when the type has a finish step), first (items of a job's first claim), chunk_ms, chunk_max, places,
--    limits (JSON text: what the type declares), at_once (items of a chunk that run at once), set (true: a chunk is one call)
-- Answers {state = 'lease', kind, run, fence, ranges = {{from, to} …}, count} (ranges only for kind 'run'), with `permits` (ms, one for
-- each call, not to be made before), `late_ms` (what a start may be late) and `now` where the type has a rate; or
-- {state = 'gone'} no such job, {state = 'stale'} the ticket was used before, {state = 'nothing'} no work for it now,
-- {state = 'other_type'} a job of another type than the task's (`type`), {state = 'newer', first} a job made by newer code.
local known = redis.call('HGET', K.lease .. a.token, 'claim')
if known then return known end
local j = load(a.job)
if not j then return answer({ state = redis.call('EXISTS', K.gone .. a.job) == 1 and 'stale' or 'gone' }) end
if has(a.type) and j.type ~= a.type then return answer({ state = 'other_type' }) end
if (tonumber(j.schema) or 0) > SCHEMA then
  local why = 'It was made by newer code than this worker has.'
  return answer({ state = 'newer', first = postpone(j, a.ticket, 'newer_schema', why, a.token) })
end
if is_final(j) or a.ticket <= j.last or a.ticket < j.min then return answer({ state = 'stale' }) end

put(j, 'last', a.ticket)
if has(j.postponed) then put(j, 'postponed', nil) end
if a.ticket > j.line then put(j, 'line', a.ticket) end -- the ledger was set back
if j.line == j.last then ticket_used(j) end
put(j, 'finishes', a.finishes and '1' or '0')
declare_limits(j.type, a.limits)
if miss_deadline(j) then return answer({ state = 'nothing' }) end
local rate_limited = #limits_of(j.type).cells > 0
local function no_more_may_run()
  local cap = limits_of(j.type).cap
  if cap ~= nil and redis.call('ZCARD', K.type_leases .. j.type) >= cap then return true end
  if permits_due(j.type) > 0 then return false end
  owe(j.type)
  return true
end
if is_barred(j) or j.phase == 'run' and no_more_may_run() then
  settle_line(j)
  return answer({ state = 'nothing' })
end

local MAX_RANGES = 64

-- Workers' slots of the type that were alive within the last 20 s; at least 1.
local function live_slots()
  local slots, flat = 0, redis.call('HGETALL', K.slots .. j.type)
  for i = 2, #flat, 2 do
    local n, at = string.match(flat[i], '(%d+):(%d+)')
    local silent_ms = now - tonumber(at or '0')
    if n and silent_ms < 20000 then slots = slots + tonumber(n) end
    if silent_ms > 3600000 then redis.call('HDEL', K.slots .. j.type, flat[i - 1]) end -- of a host that is gone
  end
  return math.max(1, slots)
end

-- How many items fit: as many as a slot begins within the time of a chunk, growing fivefold at most, and
-- towards the end of a job few enough that the other slots have work too, but no less than a tenth of a second of it.
local function fitting()
  local want = rate_limited and a.at_once or a.first
  if j.pace then want = math.min(math.ceil(j.pace * a.chunk_ms / 1000), 5 * math.max(j.chunk or a.first, 1)) end
  local left = j.total - settled_count(j) - j.in_hand
  local share = math.max(math.ceil(left / (2 * live_slots())), math.floor((j.pace or 0) / 10))
  want = math.max(1, math.min(want, share, a.chunk_max))
  return rate_limited and not a.set and math.min(want, permits_due(j.type)) or want
end

local function due_retries(want)
  local items, alone = {}, false
  local due = redis.call('ZRANGEBYSCORE', K.retry .. j.id, '-inf', now, 'LIMIT', 0, math.min(want, 1000))
  if #due == 0 then return items, alone end
  local suspects = redis.call('HMGET', K.suspects .. j.id, unpack(due))
  for i, item in ipairs(due) do
    if suspects[i] then
      if #items == 0 then
        items[1], alone = tonumber(item), true
        break
      end
    else
      items[#items + 1] = tonumber(item)
    end
  end
  for _, item in ipairs(items) do redis.call('ZREM', K.retry .. j.id, item) end
  table.sort(items)
  return items, alone
end

-- Clear runs of [from, to) into `ranges`, at most `want` items. Answers how many, and where to go on.
local function take(ranges, from, to, want)
  local taken = 0
  while taken < want and #ranges < MAX_RANGES do
    local start, stop = next_clear(K.away .. j.id, from, to)
    if not start then return taken, to end
    stop = math.min(stop, start + want - taken)
    ranges[#ranges + 1] = { start, stop }
    taken, from = taken + stop - start, stop
  end
  return taken, from
end

local function returned_ranges(ranges, want)
  local key, taken = K.returned .. j.id, 0
  while taken < want and #ranges < MAX_RANGES do
    local range = pairs_of(redis.call('LINDEX', key, 0) or '')[1]
    if not range then break end
    local n, stopped = take(ranges, range[1], range[2], want - taken)
    taken = taken + n
    if stopped >= range[2] then redis.call('LPOP', key) else redis.call('LSET', key, 0, int(stopped) .. ':' .. int(range[2])) end
  end
  return taken
end

local function text_of(ranges)
  local parts = {}
  for i, range in ipairs(ranges) do parts[i] = int(range[1]) .. ':' .. int(range[2]) end
  return table.concat(parts, ',')
end

local live = redis.call('SCARD', K.leases .. j.id)
local kind, ranges, retried, count = j.phase, {}, {}, 0
if claimable(j, live) and kind == 'run' then
  local want, alone = fitting(), false
  retried, alone = due_retries(want)
  count = #retried
  if not alone then
    count = count + returned_ranges(ranges, want - count)
    if redis.call('ZCARD', K.retry .. j.id) < RETRIES_OUTSTANDING and count < want then
      local n, stopped = take(ranges, j.cursor, j.total, want - count)
      count = count + n
      put(j, 'cursor', stopped)
    end
  end
end
if not claimable(j, live) and count == 0 or kind == 'run' and count == 0 then
  settle_line(j)
  return answer({ state = 'nothing' })
end

if not j.started_at then put(j, 'started_at', now) end
if j.status ~= 'active' and move(j, 'active') then event('job-active', j) end

local fence = math.max(tonumber(redis.call('GET', K.fence) or '0') + 1, now_us)
redis.call('SET', K.fence, int(fence))
local last_end = now + a.hard_ms + 15000
local lease_end = math.min(now + a.lease_ms, last_end)
redis.call('SADD', K.leases .. j.id, a.token)
redis.call('ZADD', K.lease_ends, lease_end, a.token)
if kind == 'run' then redis.call('ZADD', K.type_leases .. j.type, lease_end, a.token) end
put(j, 'in_hand', j.in_hand + count)
local permits, late_ms, marks
if kind == 'run' then
  permits, late_ms, marks = take_permits(j.type, a.set and 1 or count)
  served(j.type)
end
settle_line(j)

local given = {}
for _, range in ipairs(ranges) do given[#given + 1] = range end
for _, item in ipairs(retried) do given[#given + 1] = { item, item + 1 } end
local reply = answer({
  state = 'lease', kind = kind, run = j.run, fence = int(fence), ranges = given, count = count, ['end'] = lease_end,
  permits = permits, late_ms = late_ms, now = permits and now or nil,
})
local retried_text = {}
for i, item in ipairs(retried) do retried_text[i] = int(item) end
redis.call('HSET', K.lease .. a.token, 'job', j.id, 'type', j.type, 'run', int(j.run), 'kind', kind, 'ticket', int(a.ticket),
  'ranges', text_of(ranges), 'retried', table.concat(retried_text, ','), 'count', int(count), 'left', int(count), 'fence', int(fence),
  'end', int(lease_end), 'last_end', int(last_end), 'seq', '0', 'holder', a.holder or '', 'since', int(now), 'claim', reply)
if permits then redis.call('HSET', K.lease .. a.token, 'permits', #permits, 'marks', cjson.encode(marks)) end
return reply
