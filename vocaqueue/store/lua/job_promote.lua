#!lua flags=allow-oom
-- Let a delayed job that never began run now.
--
-- a: id, token (of this act), places
-- Answers {state = 'ok' | 'gone'} or {state = 'refused', status = …}.
local j = load(a.id)
if not j then return answer({ state = 'gone' }) end
if is_repeated(j) then return answer({ state = 'ok' }) end
if j.status ~= 'delayed' or j.started_at then return answer({ state = 'refused', status = j.status }) end
redis.call('ZREM', K.job_due, j.id)
put(j, 'run_at', nil)
move(j, 'waiting')
settle_line(j)
return answer({ state = 'ok' })
