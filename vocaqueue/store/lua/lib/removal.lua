-- What makes up one job, so that it can be read whole, taken away whole, and put back.
--
-- OWN names every key that belongs to one job beside its hash, its item blocks, its bitmaps by error code and its leases:
-- a new key of a job is added here, and is then kept in the bin, removed and restored like the others.

local OWN = { 'settled', 'skipped', 'failed', 'away', 'codes', 'returned', 'retry', 'tries', 'suspects', 'lapses', 'errors', 'logs', 'story' }

-- If these are what they were, nothing that the bin keeps of a job which is not being worked on has changed.
local SEEN = {
  'status', 'run', 'priority', 'held', 'stop', 'line', 'last', 'min', 'run_at', 'started_at', 'finished_at', 'cost_nano', 'acts',
}
local TOLD_S = 300 -- for how long an act's answer is kept for its repeats, whatever becomes of the job
local TICKETS_LIVE_S = 3600 -- for how long a ticket may still be on its way
local AT_ONCE = 1000 -- values in one command; Lua's stack holds 8,000

local function seen_in(j)
  local values = {}
  for i, name in ipairs(SEEN) do values[i] = j[name] or '' end
  return table.concat(values, '|')
end

-- What of a job its removal must know, as text; a fraction of what `load` reads. nil when there is no such job.
local GLANCE = { 'id', 'type', 'total', 'completed', 'failed', 'skipped', 'idem', 'unique', 'created_at' }
for _, name in ipairs(SEEN) do GLANCE[#GLANCE + 1] = name end

local function glance(id)
  local values, j = redis.call('HMGET', K.job .. id, unpack(GLANCE)), {}
  if not values[1] then return nil end
  for i, name in ipairs(GLANCE) do
    if values[i] and values[i] ~= '' then j[name] = values[i] end
  end
  return j
end

-- Why a job may not go by an act on `what`, or nil: `ended` jobs, those that are `unbegun`, or `unbegun or delayed`.
local function stays(j, what)
  if what == 'ended' then return not is_final(j) and 'wrong_status' or nil end
  if is_final(j) then return 'wrong_status' end
  if j.started_at then return 'begun' end
  if j.status == 'delayed' and what ~= 'unbegun or delayed' then return 'wrong_status' end
  return nil
end

local READ = {
  string = function(key) return redis.call('GET', key) end,
  hash = function(key) return redis.call('HGETALL', key) end,
  list = function(key) return redis.call('LRANGE', key, 0, -1) end,
  zset = function(key) return redis.call('ZRANGE', key, 0, -1, 'WITHSCORES') end,
}
local WRITE = {
  hash = function(key, values) redis.call('HSET', key, unpack(values)) end,
  list = function(key, values) redis.call('RPUSH', key, unpack(values)) end,
  zset = function(key, values)
    local turned = {}
    for i = 1, #values, 2 do turned[i], turned[i + 1] = values[i + 1], values[i] end
    redis.call('ZADD', key, unpack(turned))
  end,
}

local function key_names(id)
  local names = {}
  for _, name in ipairs(OWN) do names[#names + 1] = { name, '' } end
  for _, code in ipairs(redis.call('HKEYS', K.codes .. id)) do names[#names + 1] = { 'failed_code', ':' .. code } end
  return names
end

-- Everything but the item blocks, as MessagePack: {1, hash, {{name, rest of the key, kind, values} …}}.
local function pack_job(id, hash)
  local keys = {}
  for _, name in ipairs(key_names(id)) do
    local key = K[name[1]] .. id .. name[2]
    local kind = redis.call('TYPE', key).ok
    if kind ~= 'none' then keys[#keys + 1] = { name[1], name[2], kind, READ[kind](key) } end
  end
  return cmsgpack.pack({ 1, hash, keys })
end

local function unpack_job(id, packed)
  local _, hash, keys = unpack(cmsgpack.unpack(packed))
  redis.call('HSET', K.job .. id, unpack(hash))
  for _, entry in ipairs(keys) do
    local name, rest, kind, values = unpack(entry)
    local key = K[name] .. id .. rest
    if kind == 'string' then
      redis.call('SET', key, values)
    else
      for from = 1, #values, AT_ONCE do
        WRITE[kind](key, { unpack(values, from, math.min(#values, from + AT_ONCE - 1)) })
      end
    end
  end
end

-- Taking jobs away is collected over a step, so that each index is told once: `take_away` for each, then `all_gone`.
local gone = { keys = {}, members = {}, lines = {}, items_left = {} }

local function strike(key, id)
  local members = gone.members[key]
  if members then members[#members + 1] = id else gone.members[key] = { id } end
end

-- Take a job, as `glance` read it, out of every index and line, and all its keys away.
local function take_away(j)
  local id, line = j.id, j.type .. ':' .. j.priority
  if not is_final(j) then
    strike(K.sent .. line, id)
    strike(K.backlog .. line, id)
    strike(K.line .. line, id)
    strike(K.parked .. line, id)
    gone.lines[line] = true
    if j.total then
      gone.items_left[j.type] = (gone.items_left[j.type] or 0) + j.total - j.completed - j.failed - j.skipped
    end
  end
  for _, key in ipairs({
    K.jobs, K.by_status .. j.status, K.by_type .. j.type, K.by_type_status .. j.type .. ':' .. j.status, K.ended .. j.status,
    K.ended_of .. j.type .. ':' .. j.status, K.retry_due, K.job_due, K.idle, K.unsaid, K.outbox,
  }) do strike(key, id) end
  for _, key in ipairs({ K.job .. id, K.items .. id, K.leases .. id }) do gone.keys[#gone.keys + 1] = key end
  for _, each in ipairs(key_names(id)) do gone.keys[#gone.keys + 1] = K[each[1]] .. id .. each[2] end
  let_go(j)
  -- Its last ticket is nobody's fault, and not set aside as one of a job that never was. A copy of its creation that was on its
  -- way for long does not make it again.
  local ended_at = tonumber(j.finished_at)
  if not is_final(j) and redis.call('ZSCORE', K.line .. line, id) or ended_at and now - ended_at < TICKETS_LIVE_S * 1000
    or now - j.created_at < TOLD_S * 1000 then
    redis.call('SET', K.gone .. id, '', 'EX', TICKETS_LIVE_S)
  end
  loaded[id] = nil
end

-- The places that they leave are given to others only now: a job that is about to go as well needs no ticket.
local function all_gone()
  for key, members in pairs(gone.members) do redis.call('ZREM', key, unpack(members)) end
  for from = 1, #gone.keys, AT_ONCE do
    redis.call('UNLINK', unpack(gone.keys, from, math.min(#gone.keys, from + AT_ONCE - 1)))
  end
  for type_name, n in pairs(gone.items_left) do redis.call('HINCRBY', K.items_left, type_name, -n) end
  for line in pairs(gone.lines) do
    fill_line(line)
    local type_name = string.match(line, '^(.*):%d$')
    if is_limited(type_name) then wake(type_name) end
  end
end

-- The answer that this very act was given before, if its reply was lost; `a.token` is made anew for each act.
local function told_by_token()
  return has(a.token) and redis.call('GET', K.told .. a.token)
end

local function tell(t)
  local reply = answer(t)
  if has(a.token) then redis.call('SET', K.told .. a.token, reply, 'EX', TOLD_S) end
  return reply
end
