#!lua flags=no-writes
-- What is known of some failed items: of the newest failures everything, of the others their code. Reads only.
--
-- a: id, items (positions, at most 1,000)
-- Answers (not JSON) {errors, codes}: errors are the JSON lines of `errors`, codes {item, code …} of the items without one.
local wanted, left = {}, #a.items
for _, item in ipairs(a.items) do wanted[int(item)] = true end
local errors = {}
for from = 0, ERRORS_KEPT - 1, 500 do
  local lines = redis.call('LRANGE', K.errors .. a.id, from, from + 499)
  for _, line in ipairs(lines) do
    local item = string.match(line, '^%[(%d+)')
    if wanted[item] then
      errors[#errors + 1] = line
      wanted[item], left = nil, left - 1
    end
  end
  if left == 0 or #lines < 500 then break end
end
local ask, rest, codes = {}, {}, {}
for item in pairs(wanted) do
  rest[#rest + 1] = item
  ask[#ask + 1], ask[#ask + 2], ask[#ask + 3] = 'GET', 'u1', item
end
if #rest > 0 then
  for _, code in ipairs(redis.call('HKEYS', K.codes .. a.id)) do
    for i, bit in ipairs(redis.call('BITFIELD_RO', K.failed_code .. a.id .. ':' .. code, unpack(ask))) do
      if bit == 1 then codes[#codes + 1], codes[#codes + 2] = tonumber(rest[i]), code end
    end
  end
end
return { errors, codes }
