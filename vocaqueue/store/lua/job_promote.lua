#!lua flags=allow-oom
-- Let a delayed job that never began run now.
--
-- a: id, token (of this act), places
-- Answers {state = 'ok' | 'gone'} or {state = 'refused', status = …}.
local j = load(a.id)
if not j then return answer({ state = 'gone' }) end
local told = told_before(j.acts)
if told then return told end
if j.status ~= 'delayed' or j.started_at then return answer_act(j, { state = 'refused', status = j.status }) end
redis.call('ZREM', K.job_due, j.id)
put(j, 'run_at', nil)
move(j, 'waiting')
say_progress(j)
settle_line(j)
return answer_act(j, { state = 'ok' })
