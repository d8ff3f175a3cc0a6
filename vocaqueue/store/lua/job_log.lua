#!lua
-- Append lines to a job's log, from the worker that holds, or held, one of its leases. Work is not touched, so no line is settled.
--
-- a: token, seq (grows by one), lines (texts, 500 at most), lost (lines before these that were thrown away), kept
-- Answers {state = 'ok'} or {state = 'gone'} when there is no such lease or job any more.
local l = load_lease(a.token)
local j = l and load(l.job)
if not j then return answer({ state = 'gone' }) end
if a.seq <= tonumber(l.log_seq or '0') then return answer({ state = 'ok' }) end
local numbered, n = {}, (j.log_lines or 0) + (a.lost or 0)
for i, line in ipairs(a.lines) do numbered[i] = int(n + i) .. ' ' .. line end
redis.call('RPUSH', K.logs .. j.id, unpack(numbered))
redis.call('LTRIM', K.logs .. j.id, -a.kept, -1)
put(j, 'log_lines', n + #numbered)
redis.call('HSET', K.lease .. l.token, 'log_seq', int(a.seq))
return answer({ state = 'ok' })
