#!lua flags=allow-oom
-- Take one ended job and all its keys away.
--
-- a: id, token (of this act), seen (what `jobs_read` saw; absent: whatever it is), with_files (its files are to go as well), places
-- Answers {state = 'removed' | 'gone' | 'changed' since it was seen} or {state = 'refused', status = …} when it has not ended.
local told = told_by_token()
if told then return told end
local j = load(a.id)
if not j then return answer({ state = 'gone' }) end
if not is_final(j) then
  trail.add_job(j, 'refused')
  return answer({ state = 'refused', status = j.status })
end
if has(a.seen) and a.seen ~= seen_in(glance(j.id)) then return answer({ state = 'changed' }) end
event('job-removed', j)
take_away(glance(j.id))
all_gone()
if a.with_files then redis.call('SADD', K.file_orphans, a.id) end
trail.add({ kind = 'job', target = j.id, type = j.type, before = j._was, after = { inBin = not a.with_files } })
return tell({ state = 'removed' })
