#!lua flags=allow-oom
-- What time alone brings: delayed jobs and retries that are due get their ticket; jobs that only wait become `delayed`.
--
-- a: limit (jobs of each kind), rest_ms (a job with nothing else to do for so long is shown as delayed), places
-- Answers {woken = jobs touched}.
local woken = 0
local function due(key) return redis.call('ZRANGEBYSCORE', key, '-inf', now, 'LIMIT', 0, a.limit) end

for _, id in ipairs(due(K.job_due)) do
  redis.call('ZREM', K.job_due, id)
  local j = load(id)
  if j and j.status == 'delayed' and move(j, j.started_at and 'active' or 'waiting') then
    put(j, 'run_at', nil)
    if j.status == 'active' then event('job-active', j) else say_progress(j) end
    settle_line(j)
    woken = woken + 1
  end
end
for _, id in ipairs(due(K.retry_due)) do
  redis.call('ZREM', K.retry_due, id)
  local j = load(id)
  if j and not is_final(j) then
    settle_line(j)
    woken = woken + 1
  end
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', K.idle, '-inf', now - a.rest_ms, 'LIMIT', 0, a.limit)) do
  redis.call('ZREM', K.idle, id)
  local j = load(id)
  local at = redis.call('ZSCORE', K.retry_due, id)
  if j and at and move(j, 'delayed') then
    redis.call('ZREM', K.retry_due, id)
    redis.call('ZADD', K.job_due, at, id)
    put(j, 'run_at', tonumber(at))
    event('job-delayed', j, { reason = 'retry', runAt = tonumber(at) })
    woken = woken + 1
  end
end
return answer({ woken = woken })
