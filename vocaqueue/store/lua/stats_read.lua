#!lua flags=no-writes
-- Counts of all jobs and of each type, what limits each type, and how fast it goes: of one moment, in one answer.
--
-- a: types, statuses, most (active jobs of a type whose rates are added up, the newest)
-- Answers {now, counts by status, of each type its entry, names of what is held, gate, JSON of the reason, ...}. An entry is
-- {jobs, items left, account, cap, chunks that run, cell, the account's cell, items per second, counts by status ...}.
local function counts(index, found)
  for _, status in ipairs(a.statuses) do found[#found + 1] = redis.call('ZCARD', index .. status) end
  return found
end

local function items_per_second(name)
  local rate = 0
  for _, id in ipairs(redis.call('ZRANGE', K.by_type_status .. name .. ':active', 0, a.most - 1, 'REV')) do
    local j = redis.call('HMGET', K.job .. id, 'in_hand', 'rate')
    if (tonumber(j[1]) or 0) > 0 then rate = rate + (tonumber(j[2]) or 0) end
  end
  return string.format('%.6f', rate)
end

local types = {}
for _, name in ipairs(a.types) do
  local limits = redis.call('HMGET', K.limits .. name, 'account', 'cap')
  types[#types + 1] = counts(K.by_type_status .. name .. ':', {
    redis.call('ZCARD', K.by_type .. name), redis.call('HGET', K.items_left, name), limits[1], limits[2],
    redis.call('ZCARD', K.type_leases .. name), redis.call('HGETALL', K.cell .. 'type:' .. name),
    (limits[1] or '') ~= '' and redis.call('HGETALL', K.cell .. 'account:' .. limits[1]) or {}, items_per_second(name),
  })
end
return { int(now), counts(K.by_status, {}), types, redis.call('HKEYS', K.gates), redis.call('HGETALL', K.gate_reasons) }
