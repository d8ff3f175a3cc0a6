#!lua flags=allow-oom
-- Hold everything or one type, or let it go on. One write, however many jobs there are: each keeps its turn in the backlog.
--
-- a: type ('' is everything), shut (true or false), places
-- Answers {state = 'ok', changed = true when it was not so before}.
local gate_name = a.type == '' and 'all' or 'type:' .. a.type
local was = redis.call('HEXISTS', K.gates, gate_name) == 1
if a.shut == was then return answer({ state = 'ok', changed = false }) end
if a.shut then
  redis.call('HSET', K.gates, gate_name, int(now))
else
  redis.call('HDEL', K.gates, gate_name)
  local names = redis.call('SMEMBERS', K.lines)
  table.sort(names, function(one, other) return string.sub(one, -1) < string.sub(other, -1) end) -- urgent ones first
  for _, name in ipairs(names) do fill_line(name) end
end
system_event(a.shut and 'queue-paused' or 'queue-resumed', { type = a.type ~= '' and a.type or nil })
return answer({ state = 'ok', changed = true })
