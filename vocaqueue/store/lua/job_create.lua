#!lua
-- Create a job, put it into the indexes, and give it its place in line.
--
-- a: id, type, priority (1-4), params, name, labels, warnings (JSON or text), created_by, total (absent: a plan finds it),
--    blocks (key suffix of the item blocks written before), attempts, backoff_ms, run_at (ms, optional), places, events_kept;
--    all optional: idem (digest of an idempotency key and its scope) with body (digest of what was asked for), unique (digest of
--    the parameters, which no other unended job of the type may have), deadline_ms (from now), schedule (it is a run of) and due
--    (which firing this is; it is used up by this step)
-- Answers {state = 'created'} or, when the id is there already or was a while ago (a repeat), {state = 'exists'}; else nothing
--    was made and it is 'repeated' (job: that of the same key and body, removed: it is not there any more), 'conflict' (job: that of the same key
--    with another body), 'fired' (this firing has its job, or its schedule is gone), 'duplicate' (job and status: that with the
--    same parameters), 'no_blocks' (the item blocks have gone meanwhile).
if load(a.id) or redis.call('EXISTS', K.gone .. a.id) == 1 then return answer({ state = 'exists' }) end
if trail.full() then return trail.full() end
local function refuse(reply)
  if reply.state == 'conflict' or reply.state == 'duplicate' then
    trail.add({ kind = 'job', target = a.id, type = a.type, outcome = reply.state, after = { job = reply.job } })
  end
  if has(a.blocks) then redis.call('UNLINK', K.items .. a.blocks) end
  return answer(reply)
end
if has(a.idem) then
  local first, body, kind = unpack(redis.call('HMGET', K.idempotency .. a.idem, 'job', 'body', 'type'))
  if first and body ~= a.body then return refuse({ state = 'conflict', job = first, type = kind }) end
  if first then return refuse({ state = 'repeated', job = first, type = kind, removed = not load(first) }) end
end
local is_scheduled = has(a.schedule) and redis.call('EXISTS', K.schedule .. a.schedule) == 1
local firing = has(a.due) and a.schedule .. '@' .. int(a.due)
if firing and not (is_scheduled and redis.call('ZSCORE', K.firings, firing)) then return refuse({ state = 'fired' }) end
local holder = has(a.unique) and holder_of(a.type, a.unique)
if holder then return refuse({ state = 'duplicate', job = holder.id, status = holder.status }) end
if has(a.blocks) and redis.call('EXISTS', K.items .. a.blocks) == 0 then return answer({ state = 'no_blocks' }) end

local j = {
  _changed = {}, id = a.id, type = a.type, status = 'waiting', priority = a.priority, run = 1,
  completed = 0, failed = 0, skipped = 0, in_hand = 0, cursor = 0, last = 0, line = 0, min = 0, cost_nano = 0,
  attempts = a.attempts, backoff_ms = a.backoff_ms, created_at = now, schema = SCHEMA,
  turn = redis.call('INCR', K.turn),
}
for field in pairs(j) do
  if field ~= '_changed' then j._changed[field] = true end
end
for _, field in ipairs({ 'params', 'name', 'labels', 'created_by', 'warnings', 'idem', 'unique', 'deadline_ms', 'schedule', 'due' }) do
  if has(a[field]) then put(j, field, a[field]) end
end
if has(a.total) then
  put(j, 'total', a.total)
  put(j, 'phase', 'run')
  bits_make(a.id, a.total)
  if has(a.blocks) then
    redis.call('RENAME', K.items .. a.blocks, K.items .. a.id)
    redis.call('PERSIST', K.items .. a.id)
  end
  redis.call('HINCRBY', K.items_left, a.type, a.total)
else
  put(j, 'phase', 'plan')
end
if has(a.run_at) and a.run_at > now then
  put(j, 'status', 'delayed')
  put(j, 'run_at', a.run_at)
  redis.call('ZADD', K.job_due, a.run_at, a.id)
end
loaded[a.id] = j
redis.call('SADD', K.types, a.type)
redis.call('ZADD', K.jobs, now, a.id)
redis.call('ZADD', K.by_type .. a.type, now, a.id)
redis.call('ZADD', K.by_status .. j.status, now, a.id)
redis.call('ZADD', K.by_type_status .. a.type .. ':' .. j.status, now, a.id)
if has(a.idem) then redis.call('HSET', K.idempotency .. a.idem, 'job', a.id, 'body', a.body, 'type', a.type) end
take_hold(j)
if firing then redis.call('ZREM', K.firings, firing) end
if is_scheduled then redis.call('HSET', K.schedule .. a.schedule, 'last', cjson.encode({ at = now, due = a.due, job = a.id })) end
count(j.type, 'created', 1)
event('job-created', j)
settle_line(j)
if a.audit then
  trail.add_job(j, 'done', {
    params = trail.cut(a.params), name = a.name, labels = trail.cut(a.labels), createdBy = a.created_by, items = a.total,
    deadlineMs = a.deadline_ms, schedule = a.schedule, unique = has(a.unique) or nil,
  })
end
return answer({ state = 'created' })
