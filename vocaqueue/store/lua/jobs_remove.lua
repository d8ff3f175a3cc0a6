#!lua flags=allow-oom
-- One step of an act that takes many jobs away: one event, however many they are. Who calls it bounds how many.
--
-- a: jobs (list of {id, what `jobs_read` saw or ''}), what ('ended', 'unbegun', 'unbegun or delayed'), action (for the event),
--    type (of all of them, for the event; may be absent), token (of this step), act (which it is a step of; may be absent), with_files (their files are to go as well), places
-- Answers {state = 'ok', removed = n, skipped = {{id, code, status} …}}; codes: job_not_found, wrong_status, begun, changed.
local told = told_by_token()
if told then return told end
local removed, skipped, audited = {}, {}, {}
for _, each in ipairs(a.jobs) do
  local id, seen = each[1], each[2]
  local j = glance(id)
  local why = not j and 'job_not_found' or stays(j, a.what)
  if not why and has(seen) and seen ~= seen_in(j) then why = 'changed' end
  if why then
    skipped[#skipped + 1] = { id, why, j and j.status or '' }
  else
    take_away(j)
    removed[#removed + 1] = id
    audited[#audited + 1] = { id, j.type, j.status }
  end
end
all_gone()
if #removed > 0 then
  if a.with_files then redis.call('SADD', K.file_orphans, unpack(removed)) end
  trail.add({ kind = 'job', jobs = audited, after = { inBin = not a.with_files } })
  system_event('jobs-changed', { action = a.action, affected = #removed, type = has(a.type) and a.type or nil }, removed)
end
return tell({ state = 'ok', removed = #removed, skipped = #skipped > 0 and skipped or nil })
