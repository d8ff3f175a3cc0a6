#!lua flags=allow-oom
-- Take an ended job and all its keys away.
--
-- a: id
-- Answers {state = 'removed' | 'gone'} or {state = 'refused', status = …} when it has not ended.
local j = load(a.id)
if not j then return answer({ state = 'gone' }) end
if not is_final(j) then return answer({ state = 'refused', status = j.status }) end
local codes = redis.call('HKEYS', K.codes .. j.id)
for _, code in ipairs(codes) do redis.call('UNLINK', K.failed_code .. j.id .. ':' .. code) end
for _, name in ipairs({
  'job', 'items', 'settled', 'skipped', 'failed', 'away', 'codes', 'returned', 'retry', 'tries', 'suspects', 'lapses', 'errors', 'leases', 'logs',
}) do redis.call('UNLINK', K[name] .. j.id) end
for _, key in ipairs({
  K.jobs, K.by_status .. j.status, K.by_type .. j.type, K.by_type_status .. j.type .. ':' .. j.status, K.ended .. j.status,
  K.retry_due, K.job_due, K.idle, K.unsaid, K.outbox,
}) do redis.call('ZREM', key, j.id) end
let_go(j)
event('job-removed', j)
loaded[j.id] = nil
return answer({ state = 'removed' })
