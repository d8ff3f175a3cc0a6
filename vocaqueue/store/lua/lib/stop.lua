-- Stopping a job before its work is done: on request, or at its deadline.

-- At once if it never began, else as soon as its leases have ended; what was done stays done. `to` is how it will end.
local function stop_job(j, to)
  if not has(j.stop) then put(j, 'stop', to) end
  if not j.started_at then return end_job(j) end
  remember(j, 'job-stopping')
  -- What waits for its time only waits to be stopped now.
  put(j, 'not_before', nil)
  if has(j.held) then release_hold(j) end
  if j.status == 'delayed' then
    put(j, 'run_at', nil)
    redis.call('ZREM', K.job_due, j.id)
    if move(j, 'active') then event('job-active', j) end
  end
  settle_line(j)
end

-- Stop a job whose deadline has passed; answers whether it did. One that is being stopped already, or has nothing left but
-- its finish step, ends as it would have.
local function miss_deadline(j)
  if not j.deadline or now < j.deadline or is_final(j) then return false end
  redis.call('ZREM', K.deadlines, j.id)
  if has(j.stop) or j.phase == 'finish' then return false end
  put(j, 'error', cjson.encode({
    code = 'deadline_exceeded',
    message = string.format(
      'The job did not end within its deadline of %g s. What was done stays done; retry it to do the rest.', j.deadline_ms / 1000),
  }))
  stop_job(j, 'failed')
  return true
end
