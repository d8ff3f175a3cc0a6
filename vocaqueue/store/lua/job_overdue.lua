#!lua flags=allow-oom
-- Stop the jobs whose deadline has passed. They end as `failed` when their leases have ended.
--
-- a: limit (jobs in one pass), places
-- Answers {stopped = jobs}.
local stopped = 0
for _, id in ipairs(redis.call('ZRANGEBYSCORE', K.deadlines, '-inf', now, 'LIMIT', 0, a.limit)) do
  local j = load(id)
  if j and miss_deadline(j) then stopped = stopped + 1 else redis.call('ZREM', K.deadlines, id) end
end
return answer({ stopped = stopped })
