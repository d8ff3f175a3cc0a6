#!lua
-- Put a job back as it was: the same hash, bits, items, errors and turn. Its next ticket has a higher number than any before.
--
-- a: id, token (of this act), blocks (key suffix of the item blocks written before; absent: it has none), places
-- ARGV[2]: what `jobs_read` packed
-- Answers {state = 'restored', status}; {state = 'exists', status} when the job is there; {state = 'no_blocks'} when the blocks have
-- gone meanwhile, and nothing was made. An old copy of it that comes after the job was removed again makes nothing either.
local told = told_by_token()
if told then return told end
local there = load(a.id)
if there then return tell({ state = there.restored_by == a.token and 'restored' or 'exists', status = there.status }) end
if trail.full() then return trail.full() end
if has(a.blocks) then
  if redis.call('EXISTS', K.items .. a.blocks) == 0 then return answer({ state = 'no_blocks' }) end
  redis.call('RENAME', K.items .. a.blocks, K.items .. a.id)
  redis.call('PERSIST', K.items .. a.id)
end
unpack_job(a.id, ARGV[2])
local j = load(a.id)
put(j, 'restored_by', a.token)
redis.call('UNLINK', K.gone .. j.id)
put(j, 'last', j.line) -- a ticket from before is used up
redis.call('SADD', K.types, j.type)
redis.call('ZADD', K.jobs, j.created_at, j.id)
redis.call('ZADD', K.by_type .. j.type, j.created_at, j.id)
redis.call('ZADD', K.by_status .. j.status, j.created_at, j.id)
redis.call('ZADD', K.by_type_status .. j.type .. ':' .. j.status, j.created_at, j.id)
if is_final(j) then
  -- Its age begins anew, or the retention that is due would take it away again at once.
  redis.call('ZADD', K.ended .. j.status, now, j.id)
  redis.call('ZADD', K.ended_of .. j.type .. ':' .. j.status, now, j.id)
else
  if j.total then redis.call('HINCRBY', K.items_left, j.type, j.total - settled_count(j)) end
  if j.status == 'delayed' then redis.call('ZADD', K.job_due, j.run_at or now, j.id) end
  if has(j.unique) and holder_of(j.type, j.unique) then put(j, 'unique', nil) end -- another one has these parameters by now
  take_hold(j)
end
event('job-restored', j)
settle_line(j)
j._was = nil
trail.add_job(j, 'done')
return tell({ state = 'restored', status = j.status })
