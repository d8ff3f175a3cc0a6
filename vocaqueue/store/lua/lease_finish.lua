#!lua flags=allow-oom
-- Adopt the result of the finish step and end the job; once, and only from the lease that is live.
--
-- a: token, result (JSON text or absent), places
-- Answers {state = 'ok' | 'closed' | 'gone'}.
local l = load_lease(a.token)
if not l then return answer({ state = 'gone' }) end
if l.answer then return l.answer end
local j = load(l.job)
local live = is_live(l, j) and l.kind == 'finish'
if live then
  if has(a.result) then put(j, 'result', a.result) end
  close(j, l, 'done')
  end_job(j)
end
local reply = answer({ state = live and 'ok' or 'closed' })
redis.call('HSET', K.lease .. l.token, 'answer', reply)
return reply
