#!lua flags=allow-oom
-- Other permits for a lease whose first ones passed before its items could be begun; those go back, if nobody got later ones.
-- A repeat after a lost reply takes another set: fewer starts, never more.
--
-- a: token, want
-- Answers {permits = {ms …}, late_ms, now}; no permits when the lease is not live or nothing is due soon.
local l = load_lease(a.token)
local j = l and load(l.job)
if not l or not is_live(l, j) or not has(l.marks) then return answer({ permits = nil, now = now }) end
give_permits_back(cjson.decode(l.marks), l.permits)
local permits, late_ms, marks = take_permits(l.type, a.want)
redis.call('HSET', K.lease .. l.token, 'permits', permits and #permits or 0, 'marks', cjson.encode(marks or {}))
return answer({ permits = permits, late_ms = late_ms, now = now })
