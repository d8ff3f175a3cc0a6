#!lua
-- Run an ended job again: just what failed or was not done, with a fresh number of tries; also when that is only its finish.
--
-- a: id, token (of this act), places; which failures, beside what was not tried: codes (those with one of these error codes),
--    picked (true: and those items whose bits ARGV[2] has); without either, all
-- Answers {state = 'retrying', items = how many} or {state = 'gone'} or {state = 'refused', status = …} (not ended, or nothing
-- to do again), {state = 'not_failed'} (a picked item has not failed) or {state = 'duplicate', job, status} when another job has
-- its parameters to itself meanwhile.
-- A deadline counts anew from here.
local j = load(a.id)
if not j then return answer({ state = 'gone' }) end
local told = told_before(j.acts)
if told then return told end
if trail.full() then return trail.full() end
local left = j.total and j.total - settled_count(j) or 1
if not is_final(j) then return answer_act(j, { state = 'refused', status = j.status }) end
local holder = has(j.unique) and holder_of(j.type, j.unique)
if holder then return answer_act(j, { state = 'duplicate', job = holder.id, status = holder.status }) end

local chosen = K.failed .. j.id .. ':again'
local partial = has(a.codes) or a.picked == true
if a.picked then
  redis.call('SET', chosen, ARGV[2])
  local picked = redis.call('BITCOUNT', chosen)
  redis.call('BITOP', 'AND', chosen, chosen, K.failed .. j.id)
  local failed = redis.call('BITCOUNT', chosen)
  redis.call('UNLINK', chosen)
  if failed < picked then return answer_act(j, { state = 'not_failed' }) end
end

local was, again, failed_before = j.status, 0, j.failed
if j.total and j.total > 0 and j.failed > 0 then
  if partial then
    if a.picked then redis.call('SET', chosen, ARGV[2]) else redis.call('SETBIT', chosen, j.total - 1, 0) end
    for _, code in ipairs(has(a.codes) and a.codes or {}) do
      redis.call('BITOP', 'OR', chosen, chosen, K.failed_code .. j.id .. ':' .. code)
    end
    -- Each failure has one code: what is chosen leaves it.
    local part = chosen .. ':part'
    for _, code in ipairs(redis.call('HKEYS', K.codes .. j.id)) do
      local key = K.failed_code .. j.id .. ':' .. code
      redis.call('BITOP', 'AND', part, chosen, key)
      local n = redis.call('BITCOUNT', part)
      if n > 0 and redis.call('HINCRBY', K.codes .. j.id, code, -n) == 0 then
        redis.call('UNLINK', key)
        redis.call('HDEL', K.codes .. j.id, code)
      elseif n > 0 then
        redis.call('BITOP', 'XOR', key, key, part)
      end
    end
    redis.call('UNLINK', part)
  else
    redis.call('COPY', K.failed .. j.id, chosen, 'REPLACE')
    for _, code in ipairs(redis.call('HKEYS', K.codes .. j.id)) do redis.call('UNLINK', K.failed_code .. j.id .. ':' .. code) end
    redis.call('UNLINK', K.codes .. j.id)
  end
  again = redis.call('BITCOUNT', chosen)
  -- What is chosen was settled and failed, so taking it out is an exclusive or.
  redis.call('BITOP', 'XOR', K.settled .. j.id, K.settled .. j.id, chosen)
  redis.call('BITOP', 'XOR', K.failed .. j.id, K.failed .. j.id, chosen)
  put(j, 'failed', j.failed - again)
  local errors = redis.call('LRANGE', K.errors .. j.id, 0, -1)
  redis.call('UNLINK', K.errors .. j.id)
  if partial then
    for _, raw in ipairs(errors) do
      if redis.call('GETBIT', chosen, cjson.decode(raw)[1]) == 0 then redis.call('RPUSH', K.errors .. j.id, raw) end
    end
  end
  redis.call('UNLINK', chosen)
end
if again == 0 and left == 0 and (was == 'completed' or partial) then return answer_act(j, { state = 'refused', status = j.status }) end
if j.total and j.total > 0 then redis.call('COPY', K.settled .. j.id, K.away .. j.id, 'REPLACE') end


-- What the run came to, before it is forgotten: the newest twenty are kept.
local runs = has(j.runs) and cjson.decode(j.runs) or {}
table.insert(runs, 1, {
  run = j.run, status = was, started = j.started_at, finished = j.finished_at, completed = j.completed, failed = failed_before,
  skipped = j.skipped, error = has(j.error) and cjson.decode(j.error) or nil,
})
runs[21] = nil
put(j, 'runs', cjson.encode(runs))

redis.call('ZREM', K.ended .. was, j.id)
redis.call('ZREM', K.ended_of .. j.type .. ':' .. was, j.id)
for _, field in ipairs({
  'stop', 'error', 'result', 'started_at', 'finished_at', 'run_at', 'not_before', 'phase_tries', 'phase_deaths', 'rate', 'rate_at', 'rate_n',
}) do put(j, field, nil) end
put(j, 'run', j.run + 1)
put(j, 'cursor', 0)
local only_finish = again == 0 and left == 0 and j.finishes == '1'
put(j, 'phase', not j.total and 'plan' or only_finish and 'finish' or 'run')
move(j, 'waiting')
if j.total then redis.call('HINCRBY', K.items_left, j.type, j.total - settled_count(j)) end
take_hold(j)
event('job-retrying', j, { run = j.run })
settle_line(j)
local items = j.total and j.total - settled_count(j) or nil
return answer_act(j, { state = 'retrying', items = items }, { items = items, codes = has(a.codes) and a.codes or nil })
