#!lua flags=allow-oom
-- One step of a purge: cancel jobs of a type that wait, never began and were there before the purge, newest first.
--
-- The newest ones stand in the backlog, so no freed place goes to a job that is cancelled next. Held jobs stay. The last
-- step gives out again the tickets of what goes on: theirs were in the queue too.
--
-- a: type, before_ms, first (index to go on at: how many were passed over), limit (jobs in one step), message, places
-- Repeated after a lost reply, it goes on with the next jobs; only its count is of that repeat then.
-- Answers {state = 'more' | 'done', cancelled = n, first = where the next step begins}.
local index = K.by_type_status .. a.type .. ':waiting'
local cancelled, passed, audited = 0, a.first, {}
if not is_shut(a.type) then
  local ids = redis.call('ZREVRANGEBYSCORE', index, a.before_ms, '-inf', 'LIMIT', a.first, a.limit)
  for _, id in ipairs(ids) do
    local j = load(id)
    if j and j.status == 'waiting' and not j.started_at and not has(j.held) then
      audited[#audited + 1] = { j.id, j.type, j.status }
      put(j, 'stop', 'cancelled')
      put(j, 'error', cjson.encode({ code = 'purged', message = a.message }))
      end_job(j)
      cancelled = cancelled + 1
    else
      passed = passed + 1
    end
  end
  if #audited > 0 then
    trail.add({ kind = 'job', jobs = audited, after = { status = 'cancelled' }, key = 'purge/' .. audited[1][1] .. '/' .. int(now_us) })
  end
  if #ids == a.limit then return answer({ state = 'more', cancelled = cancelled, first = passed }) end
end
for priority = 1, 4 do
  local key = K.sent .. a.type .. ':' .. int(priority)
  for _, id in ipairs(redis.call('ZRANGE', key, 0, 99)) do
    local j = load(id)
    redis.call('ZREM', key, id)
    if j and j.line > j.last then
      redis.call('ZADD', K.outbox, now, id)
      tickets[#tickets + 1] = { j.id, j.line, j.type, j.priority }
    end
  end
end
return answer({ state = 'done', cancelled = cancelled, first = passed })
