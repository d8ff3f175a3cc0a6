#!lua flags=allow-oom
-- Stop a job: at once if it never began, else as soon as its leases have ended.
--
-- a: id, token (of this act)
-- Answers {state = 'cancelled' | 'stopping' | 'gone'} or {state = 'refused', status = …} when the job has ended.
local j = load(a.id)
if not j then return answer({ state = 'gone' }) end
local told = told_before(j.acts)
if told then return told end
if is_final(j) then return answer_act(j, { state = 'refused', status = j.status }) end
stop_job(j, 'cancelled')
return answer_act(j, { state = is_final(j) and 'cancelled' or 'stopping' })
