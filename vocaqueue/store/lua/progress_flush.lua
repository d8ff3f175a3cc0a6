#!lua flags=allow-oom
-- Say the last progress of jobs that have gone quiet, so that what a client sees last is true.
--
-- a: limit
-- Answers {said = n}.
local said = 0
for _, id in ipairs(redis.call('ZRANGEBYSCORE', K.unsaid, '-inf', now, 'LIMIT', 0, a.limit)) do
  redis.call('ZREM', K.unsaid, id)
  local j = load(id)
  if j and not is_final(j) then
    say_progress(j)
    said = said + 1
  end
end
return answer({ said = said })
