#!lua flags=allow-oom
-- Hold everything, one type or one provider's account, or let it go on. One write, however many jobs there are: each keeps its turn.
--
-- a: token (of this act), gate ('all', 'type:<type>' or 'account:<account>'), shut (true or false), places
-- Answers {state = 'ok', changed = true when it was not so before}.
local acts = redis.call('GET', K.gate_acts) or ''
local told = told_before(acts)
if told then return told end
local kind, name = string.match(a.gate, '^(%a+):?(.*)$')
local function answer_gate(changed)
  trail.add({ kind = kind == 'all' and 'queue' or kind, target = name, type = kind == 'type' and name or nil,
    before = { held = a.shut ~= changed }, after = { held = a.shut } })
  local reply = { state = 'ok', changed = changed }
  if has(a.token) then redis.call('SET', K.gate_acts, acts_with(acts, cjson.encode(reply))) end
  return answer(reply)
end

local data = { [kind] = name ~= '' and name or nil }
if a.shut then return answer_gate(shut_gate(a.gate, data)) end
if redis.call('HDEL', K.gates, a.gate) == 0 then return answer_gate(false) end
redis.call('HDEL', K.gate_reasons, a.gate)
local types = redis.call('SMEMBERS', K.types)
if kind ~= 'all' then
  for _, type_name in ipairs(types) do
    if type_name == name or limits_of(type_name).account == name then redis.call('UNLINK', K.breaker .. type_name) end
  end
end
local names = redis.call('SMEMBERS', K.lines)
table.sort(names, function(one, other) return string.sub(one, -1) < string.sub(other, -1) end) -- urgent ones first
for _, line in ipairs(names) do fill_line(line) end
for _, type_name in ipairs(types) do wake(type_name) end
system_event('queue-resumed', data)
return answer_gate(true)
