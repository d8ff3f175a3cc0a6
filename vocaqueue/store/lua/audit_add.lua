#!lua flags=allow-oom
-- Note an act that is none of the ledger's: a sign-in, a refused request.
--
-- a: token (of this act), kind, target, type, outcome, before and after (objects; may be absent), spare (absent, or: it is left out
--    while so many entries wait, so that refused requests cannot fill the log)
-- Answers {state = 'noted' | 'left out'}.
if a.spare and redis.call('XLEN', K.audit) >= a.spare then return answer({ state = 'left out' }) end
if redis.call('SET', K.told .. a.token, '', 'NX', 'EX', 300) then
  trail.add({ kind = a.kind, target = a.target, type = a.type, outcome = a.outcome, before = a.before, after = a.after })
end
return answer({ state = 'noted' })
