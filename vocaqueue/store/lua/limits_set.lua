#!lua flags=allow-oom
-- Change limits at run time; from then on what the code declares does not count for them.
--
-- a: token (of this act), type or account (the other absent), rate ({max, window_ms, burst}, or false: none; absent: as it is), cap (chunks, only of a type;
--    false: none; absent: as it is), places
-- Answers {state = 'ok'}.
local acts = redis.call('GET', K.gate_acts) or ''
local told = told_before(acts)
if told then return told end
if has(a.token) then redis.call('SET', K.gate_acts, acts_with(acts, cjson.encode({ state = 'ok' }))) end

if a.rate ~= nil then cell_set(has(a.type) and 'type:' .. a.type or 'account:' .. a.account, a.rate or nil, true) end
if a.cap ~= nil then
  redis.call('HSET', K.limits .. a.type, 'cap', a.cap and int(a.cap) or '', 'cap_set', '1')
  forget_limits()
end
for _, type_name in ipairs(redis.call('SMEMBERS', K.types)) do
  if type_name == a.type or has(a.account) and limits_of(type_name).account == a.account then
    wake(type_name)
  end
end
return answer({ state = 'ok' })
