#!lua flags=no-writes
-- Read jobs whole, as the bin keeps them, without their item blocks. Stops early when what it has is large.
--
-- a: ids, what (which may go: 'ended', 'unbegun', 'unbegun or delayed'), bytes and items (it stops after so many)
-- Answers a list, one entry for each of the first ids: {id, '', JSON {code, status}} of a job that may not go, else
-- {id, seen, JSON {type, name, status, blocks}, MessagePack}. `seen` goes into the step that removes it.
local found, bytes, items = {}, 0, 0
for _, id in ipairs(a.ids) do
  if bytes >= a.bytes or items >= a.items then break end
  local hash, j = redis.call('HGETALL', K.job .. id), {} -- as text: it is only looked at
  for i = 1, #hash, 2 do
    if hash[i + 1] ~= '' then j[hash[i]] = hash[i + 1] end
  end
  local why = #hash == 0 and 'job_not_found' or stays(j, a.what)
  if why then
    found[#found + 1] = { id, '', cjson.encode({ code = why, status = j.status }) }
  else
    local packed = pack_job(id, hash)
    local blocks = redis.call('HLEN', K.items .. id)
    bytes, items = bytes + #packed, items + blocks * 1000
    found[#found + 1] = {
      id, seen_in(j), cjson.encode({ type = j.type, name = j.name, status = j.status, blocks = blocks }), packed,
    }
  end
end
return found
