#!lua flags=allow-oom
-- Hand a plan or finish lease back untouched: the worker is being stopped. Run leases close with lease_commit.
--
-- a: token, places
-- Answers {state = 'ok' | 'closed' | 'gone'}.
local l = load_lease(a.token)
if not l then return answer({ state = 'gone' }) end
if l.answer then return l.answer end
local j = load(l.job)
local live = is_live(l, j)
if live then
  close(j, l, 'released')
  settle_line(j)
end
local reply = answer({ state = live and 'ok' or 'closed' })
redis.call('HSET', K.lease .. l.token, 'answer', reply)
return reply
