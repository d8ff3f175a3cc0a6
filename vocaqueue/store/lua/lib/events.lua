-- The event streams. Written in the step that makes the change, so they cannot disagree with the ledger.

-- Four a second, so that with the last one, which does not wait, no second has more than five.
local PROGRESS = { every_ms = 250, kept = 50000 }

-- Ids grow over both streams together, so that a reader can put them into one order and go on after any one.
local function next_event_id()
  local last = redis.call('GET', K.event_id)
  local ms, seq = now, 0
  if last then
    local last_ms, last_seq = string.match(last, '(%d+)-(%d+)')
    last_ms, last_seq = tonumber(last_ms), tonumber(last_seq)
    if ms <= last_ms then ms, seq = last_ms, last_seq + 1 end
  end
  local id = int(ms) .. '-' .. int(seq)
  redis.call('SET', K.event_id, id)
  return id
end

local function rate_of(j)
  local left = j.total and j.total - settled_count(j) or nil
  local eta = nil
  if j.rate and j.rate > 0 and left then eta = math.ceil(left / j.rate * 10) / 10 end
  return j.rate, eta
end

local function progress_of(j)
  local rate, eta = rate_of(j)
  return {
    total = j.total, completed = j.completed, failed = j.failed, skipped = j.skipped,
    rate = rate, eta = eta, current = j.current,
  }
end

-- Keep what befell a job and neither its hash nor its `runs` tell, for its timeline: the newest 200.
local remember
do -- a script has room for 200 local names
  local KEPT = 200
  local TOLD_ELSEWHERE = {
    ['job-created'] = true, ['job-completed'] = true, ['job-failed'] = true, ['job-cancelled'] = true, ['job-removed'] = true,
  }
  remember = function(j, name, more)
    if TOLD_ELSEWHERE[name] or name == 'job-active' and j.started_at == now then return end
    redis.call('RPUSH', K.story .. j.id, cjson.encode({ now, name, more }))
    redis.call('LTRIM', K.story .. j.id, -KEPT, -1)
  end
end

-- Append a life event of job `j`. `more` holds further fields of the data.
local function event(name, j, more)
  remember(j, name, more)
  local data = more or {}
  data.progress = progress_of(j)
  data.status = j.status
  redis.call('XADD', K.events, 'MAXLEN', '~', a.events_kept or 100000, next_event_id(),
    'event', name, 'job', j.id, 'type', j.type, 'at', int(now), 'data', cjson.encode(data))
end

-- An event of a queue or a worker. `removed`: jobs that are gone with it, for the history of jobs; clients are not sent them.
local function system_event(name, data, removed)
  local more = removed and { 'removed', cjson.encode(removed) } or {}
  redis.call('XADD', K.events, 'MAXLEN', '~', a.events_kept or 100000, next_event_id(),
    'event', name, 'job', '', 'type', data.type or '', 'at', int(now), 'data', cjson.encode(data), unpack(more))
end

local function say_progress(j)
  put(j, 'said_at', now)
  redis.call('ZREM', K.unsaid, j.id)
  redis.call('XADD', K.progress, 'MAXLEN', '~', PROGRESS.kept, next_event_id(),
    'event', 'job-progress', 'job', j.id, 'type', j.type, 'at', int(now),
    'data', cjson.encode({ progress = progress_of(j), status = j.status }))
end

-- At most five a second for a job; the last state is said by the end of the job, or later by `progress_flush`.
local function progress(j)
  local settled = settled_count(j)
  if not j.rate_at then
    put(j, 'rate_at', now)
    put(j, 'rate_n', settled)
  elseif now - j.rate_at >= 1000 then
    local rate = (settled - j.rate_n) * 1000 / (now - j.rate_at)
    put(j, 'rate', math.floor((j.rate and (j.rate + rate) / 2 or rate) * 100 + 0.5) / 100)
    put(j, 'rate_at', now)
    put(j, 'rate_n', settled)
  end
  if now - (j.said_at or 0) >= PROGRESS.every_ms then
    say_progress(j)
  else
    redis.call('ZADD', K.unsaid, 'NX', j.said_at + PROGRESS.every_ms, j.id)
  end
end
