#!lua
-- Adopt what a plan found; once, and only from the lease that is live.
--
-- a: token, total, source (JSON, given to the handler's `load`), places
-- Answers {state = 'ok' | 'closed' | 'gone'}.
local l = load_lease(a.token)
if not l then return answer({ state = 'gone' }) end
if l.answer then return l.answer end
local j = load(l.job)
local live = is_live(l, j) and l.kind == 'plan'
if live then
  put(j, 'total', a.total)
  put(j, 'source', a.source)
  put(j, 'phase', 'run')
  put(j, 'phase_tries', nil)
  put(j, 'phase_deaths', nil)
  put(j, 'not_before', nil)
  bits_make(j.id, a.total)
  redis.call('HINCRBY', K.items_left, j.type, a.total)
  close(j, l, 'done')
  say_progress(j)
  settle_line(j)
end
local reply = answer({ state = live and 'ok' or 'closed' })
redis.call('HSET', K.lease .. l.token, 'answer', reply)
return reply
