#!lua flags=allow-oom
-- A sign of life of a lease; repeating it does no harm.
--
-- a: token, lease_ms, sent (tickets that have left)
-- Answers {state = 'ok' | 'closed' | 'gone', stop = …, wait = …} as lease_commit does.
local l = load_lease(a.token)
if not l then return answer({ state = 'gone', stop = true }) end
local j = load(l.job)
tickets_sent(a.sent)
if not is_live(l, j) then return answer({ state = 'closed', stop = true }) end
extend(l)
return answer({ state = 'ok', stop = has(j.stop), wait = must_wait(l.type) or nil })
