-- What may run how fast: a cap on running chunks per type, rates per type and per provider account.
--
-- A rate is a cell (GCRA): `tat` is when its next permit is due, one `interval` after the last. Fields of a cell: max, window_ms, burst
-- (absent: no rate), set ('1': changed at run time, so what the code declares does not count any more), tat, shut (nobody gets a
-- permit before), and what refusals of the provider taught: rate (per second), ceiling (the rate at the last cut), cut_at, up_at, step,
-- ok_at (when a call last got an answer), guess (1: nothing is known of the ceiling yet);
-- of an account: served (the type that got its last permits), owed and owed_until (the type whose turn it is).
-- Permits are granted at most HORIZON_MS ahead: no slot sleeps longer because of a rate.

local HORIZON_MS, SOON_MS = 1000, 500
local MARGIN = 0.97 -- with no burst; so that a start which is a little late leaves every window with `max` at most
local LATE_SHARE = 0.9 -- of that margin may be used up by lateness
local CUT, CUT_AGAIN, AGAIN_MS = 0.94, 0.75, 2000 -- multiplicative down, and once more when it was not enough
local FIRST_GUESS = 1 -- per second: where no pace is known, until the first refusal that tells one
local CELL_NUMBERS = { 'max', 'window_ms', 'burst', 'tat', 'shut', 'rate', 'ceiling', 'cut_at', 'up_at', 'step', 'ok_at', 'guess', 'owed_until' }

local known_limits = {}

local function cell_save(c, ...)
  local flat = {}
  for _, field in ipairs({ ... }) do
    flat[#flat + 1] = field
    flat[#flat + 1] = c[field] and string.format(c[field] > 1e9 and '%.4f' or '%.10g', c[field]) or ''
  end
  redis.call('HSET', K.cell .. c.name, unpack(flat))
end

-- A learned rate climbs back, a little each second in which it was used: quickly to just under where it was refused, then feeling
-- its way, faster the longer nobody objects.
local climb
do -- a script has room for 200 local names
  local NEAR, CLIMB, PROBE, PROBE_GROWS, PROBE_MOST = 0.97, 0.02, 0.0003, 1.15, 0.25 -- additive up, as shares of the ceiling and second
  local FORGOTTEN = 10 -- times the ceiling
  local GUESS_GROWS, GUESS_MOST = 1.5, 10000 -- while nothing is known of the ceiling
  climb = function(c)
    if now - (c.tat or 0) > 2000 or not c.up_at or c.up_at > now + 60000 then
      c.up_at = math.max(now, c.shut or 0)
      return cell_save(c, 'up_at')
    end
    local seconds = math.min(300, math.floor((now - c.up_at) / 1000))
    if seconds < 1 then return end
    for _ = 1, seconds do
      if c.guess then
        c.rate = c.rate * GUESS_GROWS
        if c.rate > GUESS_MOST then break end
      elseif c.rate < NEAR * c.ceiling then
        c.rate = c.rate + CLIMB * c.ceiling
      else
        c.step = math.min(PROBE_MOST, c.step and c.step > 0 and c.step * PROBE_GROWS or PROBE)
        c.rate = c.rate + c.step * c.ceiling
      end
    end
    c.up_at = c.up_at + seconds * 1000
    -- Back at what was configured; where nothing was, so far from where it was refused that it says nothing any more.
    local most = c.max and c.max * 1000 / c.window_ms or c.guess and GUESS_MOST or FORGOTTEN * c.ceiling
    if c.rate >= most then c.rate = nil end
    cell_save(c, 'rate', 'up_at', 'step')
  end
end

-- A cell that says something, or nil.
local function cell_load(name)
  local flat = redis.call('HGETALL', K.cell .. name)
  if #flat == 0 then return nil end
  local c = { name = name }
  for i = 1, #flat, 2 do if flat[i + 1] ~= '' then c[flat[i]] = flat[i + 1] end end
  for _, field in ipairs(CELL_NUMBERS) do c[field] = tonumber(c[field]) end
  if c.rate and c.ceiling then climb(c) end
  c.interval, c.lead = 0, 0
  if c.max then
    c.interval = c.window_ms / c.max
    c.lead = (c.burst or 0) * c.interval
    if c.lead == 0 then
      c.late = LATE_SHARE * (c.window_ms / MARGIN - c.window_ms)
      c.interval = c.interval / MARGIN
    end
  end
  if c.rate then c.interval = math.max(c.interval, 1000 / c.rate) end
  if c.interval == 0 and (c.shut or 0) <= now then return nil end
  -- Nothing is granted further ahead; what is, was before the clock was set back. Written down, or it would go on moving ahead of us.
  local most = now + HORIZON_MS + c.interval + c.lead
  c.tat = c.tat or 0
  if c.tat > most then
    c.tat = most
    cell_save(c, 'tat')
  end
  return c
end

-- {account, cap, cells} of a type, read once a step. `forget_limits` after a change.
local function limits_of(type_name)
  local found = known_limits[type_name]
  if not found then
    local account, cap = unpack(redis.call('HMGET', K.limits .. type_name, 'account', 'cap'))
    found = { account = has(account) and account or nil, cap = tonumber(cap or ''), cells = {} }
    found.cells[1] = cell_load('type:' .. type_name)
    found.account_cell = found.account and cell_load('account:' .. found.account) or nil
    found.cells[#found.cells + 1] = found.account_cell
    known_limits[type_name] = found
  end
  return found
end

local function forget_limits() known_limits = {} end

local function is_limited(type_name)
  local limits = limits_of(type_name)
  return limits.cap ~= nil or #limits.cells > 0
end

-- Types that share an account take turns. A ticket that found no permit, of another type than the last one that got some (`served`),
-- has the next ones for its type: for a while, in case its worker does not come again. The cell keeps that as `owed` and `owed_until`.
local OWED_MS = 600

local function is_owed_to_another(c, type_name)
  return c.owed ~= nil and c.owed ~= type_name and now < c.owed_until and now > c.owed_until - 60000
end

local function owe(type_name)
  local c = limits_of(type_name).account_cell
  if not c or c.served == nil or c.served == type_name or is_owed_to_another(c, type_name) then return end
  c.owed, c.owed_until = type_name, math.max(now, c.tat - c.lead - SOON_MS, (c.shut or 0) - SOON_MS) + OWED_MS
  redis.call('HSET', K.cell .. c.name, 'owed', type_name, 'owed_until', int(c.owed_until))
end

-- The type got permits. Where it was owed them the others may ask at once.
local function served(type_name)
  local c = limits_of(type_name).account_cell
  if not c then return end
  if c.served ~= type_name then
    c.served = type_name
    redis.call('HSET', K.cell .. c.name, 'served', type_name)
  end
  if c.owed ~= type_name then return end
  c.owed = nil
  redis.call('HDEL', K.cell .. c.name, 'owed', 'owed_until')
  for _, other in ipairs(redis.call('SMEMBERS', K.types)) do
    if other ~= type_name and limits_of(other).account == limits_of(type_name).account then
      redis.call('ZADD', K.limit_due, 'XX', now, other)
    end
  end
end

local function next_permit(c) return math.max(now, c.tat - c.lead, c.shut or 0) end

-- How many permits a type could get within the horizon; 0 and the time to ask again where the next one is not due soon.
local function permits_due(type_name)
  local n, at = math.huge, now
  for _, c in ipairs(limits_of(type_name).cells) do
    local due = next_permit(c)
    if is_owed_to_another(c, type_name) then due = math.max(due, c.owed_until + SOON_MS) end
    at = math.max(at, due)
    if due > now + SOON_MS then n = 0
    elseif c.interval > 0 then n = math.min(n, math.floor((now + HORIZON_MS + c.lead - math.max(c.tat, due)) / c.interval - 0.001) + 1) end
  end
  return n, at - SOON_MS
end

-- Take up to `want` permits. Answers their times (ms), the lateness that they bear (ms), and {cell = {tat after, interval}} for
-- `give_permits_back`; nil where the type has no rate.
local function take_permits(type_name, want)
  local cells = limits_of(type_name).cells
  if #cells == 0 then return nil end
  local times, late, marks = {}, HORIZON_MS, {}
  while #times < want do
    local at = now
    for _, c in ipairs(cells) do at = math.max(at, next_permit(c)) end
    if at > now + HORIZON_MS then break end
    for _, c in ipairs(cells) do c.tat = math.max(c.tat, at) + c.interval end
    times[#times + 1] = at
  end
  for _, c in ipairs(cells) do
    if #times > 0 then cell_save(c, 'tat') end
    late = math.min(late, c.late or HORIZON_MS)
    marks[c.name] = { string.format('%.4f', c.tat), c.interval }
  end
  return times, late, marks
end

-- Permits that were not used go back, but only where nobody got a later one: two holders must not start at one time.
local function give_permits_back(marks, unused)
  if unused <= 0 then return end
  for name, mark in pairs(marks) do
    if redis.call('HGET', K.cell .. name, 'tat') == mark[1] then
      redis.call('HSET', K.cell .. name, 'tat', string.format('%.4f', tonumber(mark[1]) - unused * mark[2]))
    end
  end
  forget_limits()
end

-- A call was answered. Refusals with none in between say nothing of the rate: the provider is shut for another reason.
local function answered(type_name)
  local account = limits_of(type_name).account
  local key = K.cell .. (account and 'account:' .. account or 'type:' .. type_name)
  if has(redis.call('HGET', key, 'cut_at')) then redis.call('HSET', key, 'ok_at', int(now)) end
end

-- The provider refused a call made under a lease claimed at `since`: nobody calls it for a while, and the rate falls, once for all calls
-- that were on their way. `pace` is the rate so far (per second) where none is known. Answers until when it is shut.
local function refused(type_name, since, after_ms, pace)
  local account = limits_of(type_name).account
  local name = account and 'account:' .. account or 'type:' .. type_name
  local c = cell_load(name) or { name = name, interval = 0 }
  local stored = redis.call('HMGET', K.cell .. name, 'cut_at', 'shut', 'ok_at')
  local cut_at, ok_at = tonumber(stored[1] or '') or 0, tonumber(stored[3] or '') or 0
  c.shut = math.max(tonumber(stored[2] or '') or 0, now + after_ms)
  if cut_at > 0 and ok_at <= cut_at then
    if c.guess then c.rate = FIRST_GUESS * CUT end
    c.up_at = c.shut
    cell_save(c, 'rate', 'up_at')
  elseif since > cut_at then
    local before = c.interval > 0 and 1000 / c.interval or math.max(FIRST_GUESS, pace or FIRST_GUESS)
    c.guess = c.interval == 0 and not pace and 1 or nil
    c.ceiling, c.cut_at, c.step = before, now, 0
    c.rate = math.max(0.05, before * (now - cut_at < after_ms + AGAIN_MS and CUT_AGAIN or CUT))
    c.up_at = c.shut
    cell_save(c, 'ceiling', 'cut_at', 'step', 'rate', 'up_at', 'guess')
  end
  cell_save(c, 'shut')
  forget_limits()
  return c.shut
end

local function cell_set(name, rate, by_hand)
  local before = cell_load(name)
  redis.call('HSET', K.cell .. name, 'max', has(rate) and int(rate.max) or '', 'window_ms', has(rate) and tostring(rate.window_ms) or '',
    'burst', has(rate) and int(rate.burst or 0) or '')
  if by_hand then
    redis.call('HSET', K.cell .. name, 'set', '1')
    redis.call('HDEL', K.cell .. name, 'rate', 'ceiling', 'cut_at', 'up_at', 'step', 'ok_at', 'guess', 'shut') -- what was learned was of another rate
  end
  if has(rate) and before then -- permits are out already, up to a second ahead: the first new one keeps its distance to the last of them
    local last = math.max(now, before.tat - before.interval - before.lead)
    local tat = math.min(before.tat, last + rate.window_ms / rate.max / MARGIN)
    redis.call('HSET', K.cell .. name, 'tat', string.format('%.4f', tat))
  end
  forget_limits()
end

-- Take over what the code of a type declares, where nothing else was set at run time. `declared` is JSON text.
local function declare_limits(type_name, declared)
  if not has(declared) or redis.call('HGET', K.limits .. type_name, 'declared') == declared then return end
  local d = cjson.decode(declared)
  redis.call('SADD', K.types, type_name)
  redis.call('HSET', K.limits .. type_name, 'declared', declared, 'account', has(d.account) and d.account or '')
  if redis.call('HGET', K.limits .. type_name, 'cap_set') ~= '1' then
    redis.call('HSET', K.limits .. type_name, 'cap', has(d.cap) and int(d.cap) or '')
  end
  if redis.call('HGET', K.cell .. 'type:' .. type_name, 'set') ~= '1' and (has(d.rate) or redis.call('EXISTS', K.cell .. 'type:' .. type_name) == 1) then
    cell_set('type:' .. type_name, d.rate, false)
  end
  if has(d.account) and redis.call('HGET', K.cell .. 'account:' .. d.account, 'set') ~= '1' then
    cell_set('account:' .. d.account, d.account_rate, false)
  end
  forget_limits()
end
