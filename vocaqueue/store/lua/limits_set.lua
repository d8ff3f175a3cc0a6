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

local cell = has(a.type) and 'type:' .. a.type or 'account:' .. a.account
local function limits_now()
  local rate = redis.call('HMGET', K.cell .. cell, 'max', 'window_ms', 'burst')
  local cap = has(a.type) and tonumber(redis.call('HGET', K.limits .. a.type, 'cap') or nil)
  return {
    rate = has(rate[1]) and rate[1] and { max = tonumber(rate[1]), windowMs = tonumber(rate[2]), burst = tonumber(rate[3]) } or cjson.null,
    maxRunningChunks = has(a.type) and (cap or cjson.null) or nil,
  }
end
local before = a.audit and limits_now()
if a.rate ~= nil then cell_set(cell, a.rate or nil, true) end
if a.cap ~= nil then
  redis.call('HSET', K.limits .. a.type, 'cap', a.cap and int(a.cap) or '', 'cap_set', '1')
  forget_limits()
end
for _, type_name in ipairs(redis.call('SMEMBERS', K.types)) do
  if type_name == a.type or has(a.account) and limits_of(type_name).account == a.account then
    wake(type_name)
  end
end
if a.audit then
  trail.add({ kind = has(a.type) and 'type' or 'account', target = a.type or a.account, type = a.type, before = before, after = limits_now() })
end
return answer({ state = 'ok' })
