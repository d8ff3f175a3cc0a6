#!lua flags=allow-oom
-- Types whose rate lets more run by now: their parked jobs get tickets.
--
-- a: limit, all (true: look at every type; what held one up may be gone without a step of its own, as when other code than
--    before declares no limits), places
-- Answers {}.
local due = a.all and redis.call('SMEMBERS', K.types) or redis.call('ZRANGEBYSCORE', K.limit_due, '-inf', now, 'LIMIT', 0, a.limit)
for _, type_name in ipairs(due) do
  redis.call('ZREM', K.limit_due, type_name)
  wake(type_name)
end
return answer({})
