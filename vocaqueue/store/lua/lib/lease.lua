-- A lease: who works on what until when.
--
-- Fields: job, run, kind (plan, run, finish), ticket, ranges ("a:b,c:d" from `cursor` or `returned`), retried ("i,j" from `retry`),
-- count (items), left (of them not dealt with by this lease), fence, end, last_end (no beat goes past it), seq and answer
-- (of the last step, for one that is repeated), claim (the answer of the claim), closed (why; the lease then goes after a while),
-- since (when it was claimed), permits (how many it got) and marks (JSON, see `take_permits`) where its type has a rate.

local LATE_OWNER_S, REPEAT_S = 3600, 300 -- for how long a closed lease answers: whose owner was given up, and others
local POISON_DEATHS = 3
local LAPSES_BEFORE_SUSPECT, LAPSES_LIMIT = 3, 20
local CODES_LIMIT = 32
local ERRORS_KEPT = 10000

local function pairs_of(text)
  local found = {}
  for from, to in string.gmatch(text or '', '(%d+):(%d+)') do found[#found + 1] = { tonumber(from), tonumber(to) } end
  return found
end

local function items_of(text)
  local found = {}
  for item in string.gmatch(text or '', '%d+') do found[#found + 1] = tonumber(item) end
  return found
end

local function load_lease(token)
  local flat = redis.call('HGETALL', K.lease .. token)
  if #flat == 0 then return nil end
  local l = { token = token }
  for i = 1, #flat, 2 do l[flat[i]] = flat[i + 1] end
  for _, name in ipairs({ 'run', 'ticket', 'count', 'left', 'seq', 'last_end', 'since', 'permits' }) do l[name] = tonumber(l[name]) end
  return l
end

local function is_live(l, j) return j ~= nil and not l.closed and not is_final(j) and l.run == j.run end

local function add_left(j, l, n)
  l.left = l.left + n
  redis.call('HSET', K.lease .. l.token, 'left', int(l.left))
  put(j, 'in_hand', j.in_hand + n)
end

local function extend(l)
  local lease_end = math.min(now + a.lease_ms, l.last_end)
  redis.call('HSET', K.lease .. l.token, 'end', int(lease_end))
  redis.call('ZADD', K.lease_ends, lease_end, l.token)
  if l.kind == 'run' then redis.call('ZADD', K.type_leases .. l.type, lease_end, l.token) end
end

local function note_settled(j, counter, n)
  if n == 0 then return end
  put(j, counter, j[counter] + n)
  redis.call('HINCRBY', K.items_left, j.type, -n)
  count(j.type, 'items-' .. counter, n)
end

-- An item that came from the retry set and waits there again is not the lease's any more: another lease may own it next.
local function forget_retried(l, items)
  if l.retried == '' or not next(items) then return end
  local kept = {}
  for _, item in ipairs(items_of(l.retried)) do
    if not items[item] then kept[#kept + 1] = int(item) end
  end
  l.retried = table.concat(kept, ',')
  redis.call('HSET', K.lease .. l.token, 'retried', l.retried)
end

-- Count one failure of an item for good. `id` and `name` may be '': whoever reads the error looks them up.
local function fail_item(j, item, id, name, code, message, tries)
  if settle_range(j.id, item, item + 1, 'failed') == 0 then return false end
  redis.call('ZREM', K.retry .. j.id, item)
  redis.call('HDEL', K.suspects .. j.id, item)
  note_settled(j, 'failed', 1)
  local kept = code
  if redis.call('HEXISTS', K.codes .. j.id, code) == 0 and redis.call('HLEN', K.codes .. j.id) >= CODES_LIMIT then kept = 'other' end
  redis.call('HINCRBY', K.codes .. j.id, kept, 1)
  redis.call('SETBIT', K.failed_code .. j.id .. ':' .. kept, item, 1)
  redis.call('LPUSH', K.errors .. j.id, cjson.encode({ item, id, name, code, message, now, tries }))
  redis.call('LTRIM', K.errors .. j.id, 0, ERRORS_KEPT - 1)
  return true
end

-- Give an item to the retry set, which owns it from now on until it is settled or in a lease.
local function wait_for_retry(j, item, at)
  redis.call('SETBIT', K.away .. j.id, item, 1)
  redis.call('ZADD', K.retry .. j.id, at, item)
end

-- A failure that may be tried again: takes a try; the last one is final. `factor` is the jitter, 0 to 1.
local function fail_retryable(j, item, id, name, code, message, after_ms, factor)
  if is_settled(j.id, item) then return end
  local tries = redis.call('HINCRBY', K.tries .. j.id, item, 1)
  if tries >= j.attempts then
    fail_item(j, item, id, name, code, message, tries)
  else
    local wait = has(after_ms) and after_ms or j.backoff_ms * 2 ^ (tries - 1)
    wait_for_retry(j, item, math.floor(now + wait * (1 + 0.2 * (factor or 0))))
  end
end

-- Items of the lease that nobody has dealt with, in order.
local function open_items(j, l)
  local found = {}
  for _, range in ipairs(pairs_of(l.ranges)) do
    local from = range[1]
    while true do
      local start, stop = next_clear(K.away .. j.id, from, range[2])
      if not start then break end
      for item = start, stop - 1 do found[#found + 1] = item end
      from = stop
    end
  end
  for _, item in ipairs(items_of(l.retried)) do
    if not is_settled(j.id, item) and not redis.call('ZSCORE', K.retry .. j.id, item) then found[#found + 1] = item end
  end
  return found
end

-- Hand back what is open: ranges whole, items that came from the retry set to that set.
local function give_back(j, l)
  for _, range in ipairs(pairs_of(l.ranges)) do
    local start = next_clear(K.away .. j.id, range[1], range[2])
    if start then redis.call('RPUSH', K.returned .. j.id, int(start) .. ':' .. int(range[2])) end
  end
  for _, item in ipairs(items_of(l.retried)) do
    if not is_settled(j.id, item) then redis.call('ZADD', K.retry .. j.id, 'NX', now, item) end
  end
end

-- `unused`: permits that the holder did not use; of one that has not said so, all are taken for used.
local function close(j, l, why, unused)
  l.closed = why
  redis.call('HSET', K.lease .. l.token, 'closed', why)
  local is_given_up = why == 'lapsed' or why == 'child' or why == 'limit'
  redis.call('EXPIRE', K.lease .. l.token, is_given_up and LATE_OWNER_S or REPEAT_S)
  redis.call('SREM', K.leases .. l.job, l.token)
  redis.call('ZREM', K.lease_ends, l.token)
  redis.call('ZREM', K.type_leases .. l.type, l.token)
  if unused and has(l.marks) then give_permits_back(cjson.decode(l.marks), math.min(unused, l.permits)) end
  if l.kind == 'run' and is_limited(l.type) then wake(l.type) end
  if j then put(j, 'in_hand', math.max(0, j.in_hand - l.left)) end
end

-- Plan or finish did not come to its end: again after a while, until its tries are used up.
local function phase_failed(j, code, message, final)
  local tries = (j.phase_tries or 0) + 1
  put(j, 'phase_tries', tries)
  if final or tries >= j.attempts then
    put(j, 'stop', 'failed')
    put(j, 'error', cjson.encode({ code = code, message = message }))
    return end_job(j)
  end
  put(j, 'not_before', now + j.backoff_ms * 2 ^ (tries - 1))
end

-- The child that held the lease is dead (`child`) or was killed at the hard limit (`limit`), says its living parent.
local function died(j, l, how)
  close(j, l, how)
  if l.kind ~= 'run' then
    local deaths = (j.phase_deaths or 0) + 1
    put(j, 'phase_deaths', deaths)
    if deaths >= POISON_DEATHS then
      phase_failed(j, l.kind .. '_crashed', 'The worker died three times in the ' .. l.kind .. ' step.', true)
    end
    return
  end
  local open = open_items(j, l)
  if l.count > 1 then -- in company nobody is to blame; each is claimed alone from now on
    for _, item in ipairs(open) do
      redis.call('HSETNX', K.suspects .. j.id, item, 0)
      wait_for_retry(j, item, now)
    end
  elseif open[1] then
    local item = open[1]
    if how == 'limit' then
      redis.call('HSETNX', K.suspects .. j.id, item, 0)
      fail_retryable(j, item, '', '', 'timed_out', 'The item ran into the hard time limit of its chunk.', nil, 0)
    else
      local deaths = redis.call('HINCRBY', K.suspects .. j.id, item, 1)
      if deaths >= deaths_needed(j, item, POISON_DEATHS) then
        local times = deaths == 3 and 'three' or int(deaths)
        fail_item(j, item, '', '', 'poison', 'The worker died ' .. times .. ' times with this item alone in hand.', deaths)
      else
        wait_for_retry(j, item, now + rest_of_suspect(deaths, POISON_DEATHS))
      end
    end
  end
end

-- The lease ran out: its machine, group or main is gone, or hangs. That blames nobody, up to a point.
local function lapsed(j, l)
  close(j, l, 'lapsed')
  if l.kind ~= 'run' then return end
  local open = open_items(j, l)
  if not open[1] then return end
  local lapses = redis.call('HINCRBY', K.lapses .. j.id, open[1], 1)
  if l.count == 1 and lapses >= LAPSES_LIMIT then
    fail_item(j, open[1], '', '', 'abandoned', 'Twenty workers in a row vanished with this item alone in hand.', lapses)
  elseif lapses >= LAPSES_BEFORE_SUSPECT then
    for _, item in ipairs(open) do
      redis.call('HSETNX', K.suspects .. j.id, item, 0)
      wait_for_retry(j, item, now)
    end
  else
    give_back(j, l)
  end
end
