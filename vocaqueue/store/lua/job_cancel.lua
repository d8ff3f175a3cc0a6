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
if not has(j.stop) then put(j, 'stop', 'cancelled') end
if not j.started_at then
  end_job(j)
else
  -- What waits for its time only waits to be cancelled now.
  put(j, 'not_before', nil)
  if has(j.held) then release_hold(j) end
  if j.status == 'delayed' then
    put(j, 'run_at', nil)
    redis.call('ZREM', K.job_due, j.id)
    if move(j, 'active') then event('job-active', j) end
  end
  settle_line(j)
end
return answer_act(j, { state = is_final(j) and 'cancelled' or 'stopping' })
