#!lua flags=allow-oom
-- One pass of the reaper: leases that ran out go back to their jobs.
--
-- After a gap between two passes (the server was away, the clock jumped, another server answers) everybody who holds a
-- lease may not have been able to say so: nothing is reaped for the length of one lease.
--
-- a: lease_ms, gap_ms, limit (leases in one pass), places
-- Answers {reaped = n, waits_ms = how long nothing will be reaped}.
local server = a.server or string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local tick, known = unpack(redis.call('HMGET', K.reaper, 'tick', 'server'))
local until_ms = tonumber(redis.call('HGET', K.reaper, 'no_reap_until') or '0')
tick = tonumber(tick or '')
if not tick or known ~= server or now - tick > a.gap_ms or tick > now + 1000 then until_ms = now + a.lease_ms end
-- A clock that was set back must not hold the reaper for longer than a lease.
until_ms = math.min(until_ms, now + a.lease_ms)
redis.call('HSET', K.reaper, 'tick', int(now), 'server', server, 'no_reap_until', int(until_ms))
if now < until_ms then return answer({ reaped = 0, waits_ms = until_ms - now }) end

local reaped = 0
for _, token in ipairs(redis.call('ZRANGEBYSCORE', K.lease_ends, '-inf', now, 'LIMIT', 0, a.limit)) do
  local l = load_lease(token)
  local j = l and load(l.job)
  if l and is_live(l, j) then
    local before = settled_count(j)
    lapsed(j, l)
    if settled_count(j) > before then progress(j) end
    settle_line(j)
    reaped = reaped + 1
  else
    redis.call('ZREM', K.lease_ends, token)
    if l then close(j, l, 'over') end
  end
end
return answer({ reaped = reaped, waits_ms = 0 })
