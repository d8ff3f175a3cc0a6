#!lua flags=allow-oom
-- Take a schedule away. What it has fired goes on; what is decided but not submitted yet finds no schedule and is dropped.
--
-- a: id, token (of this act)
-- Answers {state = 'removed' | 'gone'}.
local trace = K.schedule .. 'gone:' .. a.token
if redis.call('EXISTS', trace) == 1 then return answer({ state = 'removed' }) end
local before = redis.call('HGET', K.schedule .. a.id, 'data') or nil
if redis.call('UNLINK', K.schedule .. a.id) == 0 then return answer({ state = 'gone' }) end
redis.call('ZREM', K.schedules, a.id)
redis.call('ZREM', K.schedule_due, a.id)
redis.call('SET', trace, '', 'EX', 300)
trail.add({ kind = 'schedule', target = a.id, type = before and cjson.decode(before).type, before = trail.cut(before) })
return answer({ state = 'removed' })
