#!lua flags=allow-oom
-- A living parent says that the child which used this ticket is dead.
--
-- a: job, ticket, holder (the child; absent where it is not known), how ('child': it died by itself; 'limit': it was killed at the
--    hard time limit; 'revoked': somebody had it ended, which blames nobody), places
-- Answers {state = 'ok', blamed = true when there was such a lease}.
local j = load(a.job)
if not j or is_final(j) then return answer({ state = 'ok', blamed = false }) end
for _, token in ipairs(redis.call('SMEMBERS', K.leases .. j.id)) do
  local l = load_lease(token)
  if l and l.ticket == a.ticket and (not has(a.holder) or l.holder == a.holder) and is_live(l, j) then
    local before = settled_count(j)
    if a.how == 'revoked' then
      close(j, l, 'released')
      if l.kind == 'run' then give_back(j, l) end
    else
      died(j, l, a.how)
    end
    if settled_count(j) > before then progress(j) end
    settle_line(j)
    return answer({ state = 'ok', blamed = true })
  end
end
return answer({ state = 'ok', blamed = false })
