#!lua flags=allow-oom
-- A plan or finish step ended with an error: again after a while, or the job has failed.
--
-- a: token, code, message, final (true: no further try), places
-- Answers {state = 'ok' | 'closed' | 'gone'}.
local l = load_lease(a.token)
if not l then return answer({ state = 'gone' }) end
if l.answer then return l.answer end
local j = load(l.job)
local live = is_live(l, j) and l.kind ~= 'run'
if live then
  close(j, l, 'failed')
  phase_failed(j, a.code, a.message, a.final)
  settle_line(j)
end
local reply = answer({ state = live and 'ok' or 'closed' })
redis.call('HSET', K.lease .. l.token, 'answer', reply)
return reply
