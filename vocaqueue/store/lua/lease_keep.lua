#!lua flags=allow-oom
-- A worker's main process says which tickets its children hold: their leases are kept as by a beat of the child.
--
-- a: held (list of {job, ticket, holder}; the holder is the child, without it the ticket is enough), lease_ms
-- Answers {kept = n}.
local kept = 0
for _, pair in ipairs(a.held) do
  local j = load(pair[1])
  for _, token in ipairs(j and redis.call('SMEMBERS', K.leases .. j.id) or {}) do
    local l = load_lease(token)
    if l and l.ticket == pair[2] and (not has(pair[3]) or l.holder == pair[3]) and is_live(l, j) then
      extend(l)
      kept = kept + 1
    end
  end
end
return answer({ kept = kept })
