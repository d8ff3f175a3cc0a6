#!lua
-- Create a job, put it into the indexes, and give it its place in line.
--
-- a: id, type, priority (1-4), params, name, labels, warnings (JSON or text), created_by, total (absent: a plan finds it),
--    blocks (key suffix of the item blocks written before), attempts, backoff_ms, run_at (ms, optional), places, events_kept
-- Answers {state = 'created'} or, when the id is there already (a repeat), {state = 'exists'};
-- {state = 'no_blocks'} when the item blocks have gone meanwhile, and nothing was made.
if load(a.id) then return answer({ state = 'exists' }) end
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
for _, field in ipairs({ 'params', 'name', 'labels', 'created_by', 'warnings' }) do
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
event('job-created', j)
settle_line(j)
return answer({ state = 'created' })
