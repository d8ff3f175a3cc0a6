-- What every step has: arguments, time, reading and writing a job.
--
-- KEYS[1] is the namespace's prefix; K (made from store/keys.py) and MAY (made from job.MAY_BECOME) stand above.
-- ARGV[1] is a JSON object, here `a`. `a.now` (ms) and `a.server` replace the server's clock and run id in tests.
-- A step answers with JSON; `tickets` are those that the caller must send: {job, number, type, priority}.

local a = cjson.decode(ARGV[1])
local clock = redis.call('TIME')
local now = a.now or (clock[1] * 1000 + math.floor(clock[2] / 1000))
local now_us = a.now and a.now * 1000 or (clock[1] * 1000000 + clock[2])
local tickets = {}

-- A whole number as text; tostring would write 1.79e+15.
local function int(n) return string.format('%.0f', n) end

local function has(v) return v ~= nil and v ~= cjson.null and v ~= '' end

-- Jobs that this step has read, by id: everybody changes the same copy, and `answer` writes each once.
local loaded = {}

local FINAL = { completed = true, failed = true, cancelled = true }

local NUMBERS = {
  'priority', 'run', 'total', 'completed', 'failed', 'skipped', 'in_hand', 'cursor', 'last', 'line', 'min', 'turn', 'attempts',
  'backoff_ms', 'created_at', 'started_at', 'finished_at', 'run_at', 'not_before', 'cost_nano', 'resends', 'said_at', 'rate_at',
  'rate_n', 'rate', 'pace', 'chunk', 'phase_tries', 'phase_deaths', 'deadline', 'deadline_ms', 'log_lines',
}

local function put(j, field, value)
  j[field] = value
  j._changed[field] = true
end

-- Lifts a job of an older schema to the next one, by the number of that.
local UPGRADES = {
  function(j) -- 1: everything that a job is created with
    for field, value in pairs(JOB_DEFAULTS) do
      if j[field] == nil then put(j, field, value) end
    end
    if j.turn == nil then put(j, 'turn', redis.call('INCR', K.turn)) end
    if j.phase == nil then put(j, 'phase', FINAL[j.status] and 'over' or j.total and 'run' or 'plan') end
  end,
}

-- What people change of a job, for the audit log.
local function facts(j)
  return {
    status = j.status, priority = j.priority, held = has(j.held) or nil, stop = j.stop, runAt = j.run_at,
    attempt = j.run, failed = j.failed > 0 and j.failed or nil,
  }
end

-- The job as a table: numbers as numbers, what is not set as nil. nil when there is no such job.
local function load(id)
  if loaded[id] then return loaded[id] end
  local flat = redis.call('HGETALL', K.job .. id)
  if #flat == 0 then return nil end
  local j = { _changed = {} }
  for i = 1, #flat, 2 do
    if flat[i + 1] ~= '' then j[flat[i]] = flat[i + 1] end
  end
  for _, name in ipairs(NUMBERS) do j[name] = tonumber(j[name]) end
  local schema = tonumber(j.schema) or 0
  for version = schema + 1, SCHEMA do
    UPGRADES[version](j)
    put(j, 'schema', version)
  end
  if a.audit then j._was = facts(j) end
  loaded[id] = j
  return j
end

local function save(j)
  local flat = {}
  for field in pairs(j._changed) do
    local v = j[field]
    flat[#flat + 1] = field
    if v == nil then v = ''
    elseif type(v) == 'number' then v = v == math.floor(v) and int(v) or tostring(v) end
    flat[#flat + 1] = v
  end
  j._changed = {}
  if #flat > 0 then redis.call('HSET', K.job .. j.id, unpack(flat)) end
end

local function settled_count(j) return j.completed + j.failed + j.skipped end

local function is_final(j) return FINAL[j.status] == true end

-- Move a job to another status, if the table allows it; the indexes move with it. Answers whether it did.
local function move(j, to)
  local from = j.status
  if not MAY[from][to] then return false end
  redis.call('ZREM', K.by_status .. from, j.id)
  redis.call('ZREM', K.by_type_status .. j.type .. ':' .. from, j.id)
  redis.call('ZADD', K.by_status .. to, j.created_at, j.id)
  redis.call('ZADD', K.by_type_status .. j.type .. ':' .. to, j.created_at, j.id)
  put(j, 'status', to)
  return true
end

-- The last acts of people, as lines of "token answer": an act whose reply was lost is made again, one that was on its way for
-- long comes late, and neither may count twice. `a.token` is made anew for each act.
local ACTS_KEPT = 8

-- What this very act was answered before, or nil.
local function told_before(acts)
  if not has(a.token) then return nil end
  for token, reply in string.gmatch(acts or '', '(%S+) ([^\n]+)') do
    if token == a.token then return reply end
  end
end

-- The acts with this one and its answer before them.
local function acts_with(acts, reply)
  local lines = { a.token .. ' ' .. reply }
  for line in string.gmatch(acts or '', '[^\n]+') do
    if #lines < ACTS_KEPT then lines[#lines + 1] = line end
  end
  return table.concat(lines, '\n')
end

-- What happens is counted by type, for charts: in the very step, so that a repeat counts nothing twice.
-- `answer` writes what changed and answers; it is the last thing a step does.
local count, answer
do -- a script has room for 200 local names
  local counted = {}
  -- Key, ms of a bucket, ms of a hash of buckets, seconds that it is kept; as in store/counts.py.
  local BUCKETS = { { K.minute, 60000, 3600000, 26 * 3600 }, { K.quarter, 900000, 86400000, 9 * 86400 } }

  count = function(type_name, what, n)
    local field = type_name .. ':' .. what
    counted[field] = (counted[field] or 0) + n
  end

  answer = function(t)
    for _, j in pairs(loaded) do save(j) end
    for _, bucket in ipairs(BUCKETS) do
      local since = now % bucket[3]
      local key, number = bucket[1] .. int(now - since), int(math.floor(since / bucket[2]))
      for field, n in pairs(counted) do redis.call('HINCRBY', key, number .. ':' .. field, n) end
      if next(counted) then redis.call('EXPIRE', key, bucket[4]) end
    end
    counted = {}
    if #tickets > 0 then t.tickets = tickets end
    return cjson.encode(t)
  end
end
