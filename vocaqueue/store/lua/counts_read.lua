#!lua flags=no-writes
-- What one bucket counts of every type.
--
-- a: hash, number (of the bucket in it), types (that are asked for anyhow), what
-- Answers {type, its counts, ...}.
local found, seen = {}, {}
local function look(types)
  for _, name in ipairs(types) do
    if not seen[name] then
      local fields = {}
      for i, what in ipairs(a.what) do fields[i] = int(a.number) .. ':' .. name .. ':' .. what end
      found[#found + 1] = name
      found[#found + 1] = redis.call('HMGET', a.hash, unpack(fields))
      seen[name] = true
    end
  end
end

look(a.types)
look(redis.call('SMEMBERS', K.types))
return found
