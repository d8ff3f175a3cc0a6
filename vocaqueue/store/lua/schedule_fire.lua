#!lua
-- Decide that a schedule fires: it is due at the time that the caller saw, and moves on to the next. What is decided stays in
-- `firings` until its job is there (job_create takes it out in the same step) or it is told why not (schedule_failed), so a caller
-- that dies in between loses nothing: the others find it there.
--
-- a: id, version and due (as they were read), next (ms, absent: it never comes again)
-- Answers {state = 'fired'} or {state = 'moved'}: somebody else was first, it was changed, it is not due, or it is gone.
local key = K.schedule .. a.id
local version, due = unpack(redis.call('HMGET', key, 'version', 'next'))
if not version or tonumber(version) ~= a.version or tonumber(due) ~= a.due or a.due > now then return answer({ state = 'moved' }) end
redis.call('HSET', key, 'next', has(a.next) and int(a.next) or '')
if has(a.next) then redis.call('ZADD', K.schedule_due, a.next, a.id) else redis.call('ZREM', K.schedule_due, a.id) end
redis.call('ZADD', K.firings, now, a.id .. '@' .. int(a.due))
return answer({ state = 'fired' })
