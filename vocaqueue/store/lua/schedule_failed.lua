#!lua flags=allow-oom
-- No job could be made for a schedule: keep the reason, and owe it no longer.
--
-- a: id, due, error ({code, message})
-- Answers {state = 'ok'} or {state = 'moved'} when that firing is not owed any more.
if redis.call('ZREM', K.firings, a.id .. '@' .. int(a.due)) == 0 then return answer({ state = 'moved' }) end
if redis.call('EXISTS', K.schedule .. a.id) == 1 then
  redis.call('HSET', K.schedule .. a.id, 'last', cjson.encode({ at = now, due = a.due, error = a.error }))
end
return answer({ state = 'ok' })
