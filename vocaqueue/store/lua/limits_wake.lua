#!lua flags=allow-oom
-- Types whose rate lets more run by now: their parked jobs get tickets.
--
-- a: limit, places
-- Answers {}.
for _, type_name in ipairs(redis.call('ZRANGEBYSCORE', K.limit_due, '-inf', now, 'LIMIT', 0, a.limit)) do
  redis.call('ZREM', K.limit_due, type_name)
  wake(type_name)
end
return answer({})
