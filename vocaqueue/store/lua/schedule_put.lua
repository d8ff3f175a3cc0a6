#!lua
-- Make a schedule, or change one. The lines of jobs are not touched.
--
-- Fields: data (JSON: what people set), version (grows by one per change), next (when it is due next; '' while it is off), last (JSON
-- {at, due, job or error}), made_at, token (of the change that made this version).
-- a: id, type, token (of this act), data, version (the one that is replaced; absent: make a new one), next (ms, absent: it is off), once (true:
--    not if one of this id was ever made)
-- Answers {state = 'ok'}, {state = 'exists'} (to make: there is one, or with `once` there was), {state = 'moved'} (to change: it is
-- another version by now) or {state = 'gone'}.
local key = K.schedule .. a.id
local version, token = unpack(redis.call('HMGET', key, 'version', 'token'))
if version and token == a.token then return answer({ state = 'ok' }) end
if trail.full() then return trail.full() end
local before = redis.call('HGET', key, 'data') or nil
if has(a.version) then
  if not version then return answer({ state = 'gone' }) end
  if tonumber(version) ~= a.version then return answer({ state = 'moved' }) end
else
  if version or a.once and redis.call('SISMEMBER', K.schedules_made, a.id) == 1 then return answer({ state = 'exists' }) end
  if a.once then redis.call('SADD', K.schedules_made, a.id) end
  redis.call('ZADD', K.schedules, now, a.id)
  redis.call('HSET', key, 'made_at', int(now))
end
redis.call('HSET', key, 'data', a.data, 'version', int((a.version or 0) + 1), 'token', a.token, 'next', has(a.next) and int(a.next) or '')
if has(a.next) then redis.call('ZADD', K.schedule_due, a.next, a.id) else redis.call('ZREM', K.schedule_due, a.id) end
trail.add({ kind = 'schedule', target = a.id, type = a.type, before = trail.cut(before), after = trail.cut(a.data) })
return answer({ state = 'ok' })
