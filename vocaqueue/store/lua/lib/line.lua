-- Who owes the next ticket. `settle_line` ends every step that changes a job.
--
-- A job has at most one ticket that counts: number `line`, expected while line > last (the highest number used).
-- It stands in the outbox until somebody says that it was sent, then in `sent` until it is used.
-- At most `PLACES` jobs of one type and priority are in line at once, and take turns; the others stand in the backlog, by turn.
-- One that is being stopped is in line for its finish step beside them.
-- Of those in line, the jobs of a type with limits are parked, first come first served, while its limits let no more of them run.

local PLACES = a.places or 16

local function line_name(j) return j.type .. ':' .. int(j.priority) end

local function give_ticket(j)
  put(j, 'line', j.line + 1)
  put(j, 'resends', 0)
  redis.call('ZADD', K.outbox, now, j.id)
  tickets[#tickets + 1] = { j.id, j.line, j.type, j.priority }
end

local function ticket_used(j)
  redis.call('ZREM', K.outbox, j.id)
  redis.call('ZREM', K.sent .. line_name(j), j.id)
end

-- Tell the ledger which tickets have left: a list of {job, number}.
local function tickets_sent(sent)
  if not has(sent) then return end
  for _, pair in ipairs(sent) do
    local j = load(pair[1])
    if j and j.line == pair[2] and j.line > j.last then
      redis.call('ZREM', K.outbox, j.id)
      redis.call('ZADD', K.sent .. line_name(j), now, j.id)
    end
  end
end

-- Whether everything, this type or its provider's account is held. Its jobs stand in the backlog then, by turn, and none gets a ticket.
local function is_shut(type_name)
  local account = limits_of(type_name).account
  local gates = redis.call('HMGET', K.gates, 'all', 'type:' .. type_name, 'account:' .. (account or ''))
  return (gates[1] or gates[2] or gates[3]) and true or false
end

-- Whether all that is left of a job that is being stopped is its finish step. It waits for no gate and no place in line.
local function is_ending(j) return j.phase == 'finish' and has(j.stop) end

local function is_barred(j) return is_shut(j.type) and not is_ending(j) end

-- Whether a chunk that runs should begin no further item: its type was held, or a provider has asked everybody to wait.
local function must_wait(type_name)
  for _, c in ipairs(limits_of(type_name).cells) do
    if (c.shut or 0) > now then return true end
  end
  return is_shut(type_name)
end

-- How many more tickets the limits of a type allow in its lines of priority `p` and more urgent ones.
local function room(type_name, p)
  local limits = limits_of(type_name)
  local n, ask_at = permits_due(type_name)
  if n == 0 then
    redis.call('ZADD', K.limit_due, math.max(ask_at, now + 1), type_name)
    return 0
  end
  if limits.cap then n = math.min(n, limits.cap - redis.call('ZCARD', K.type_leases .. type_name)) end
  for q = 1, p do
    local name = type_name .. ':' .. q
    n = n - redis.call('ZCARD', K.line .. name) + redis.call('ZCARD', K.parked .. name)
  end
  return n
end

-- Give tickets to parked jobs, as many as may run: what frees a place of a type calls this.
local function wake(type_name)
  if is_shut(type_name) then return end
  for p = 1, 4 do
    local key = K.parked .. type_name .. ':' .. p
    while redis.call('ZCARD', key) > 0 and room(type_name, p) > 0 do
      local j = load(redis.call('ZPOPMIN', key)[1])
      if j then give_ticket(j) end
    end
  end
end

-- A job in line gets its ticket, if there are no limits in its way.
local function admit(j)
  if j.phase ~= 'run' or not is_limited(j.type) then
    redis.call('ZREM', K.parked .. line_name(j), j.id)
    return give_ticket(j)
  end
  redis.call('ZADD', K.parked .. line_name(j), 'NX', redis.call('INCR', K.park), j.id)
  wake(j.type)
end

-- Give free places to the next jobs of the backlog.
local function fill_line(name)
  if is_shut(string.match(name, '^(.*):%d$')) then return end
  while redis.call('ZCARD', K.line .. name) < PLACES do
    local popped = redis.call('ZPOPMIN', K.backlog .. name)
    if #popped == 0 then return end
    local j = load(popped[1])
    if j then
      redis.call('ZADD', K.line .. name, popped[2], j.id)
      if j.line <= j.last then admit(j) end
    end
  end
end

local function leave_line(j)
  local name = line_name(j)
  redis.call('ZREM', K.backlog .. name, j.id)
  redis.call('ZREM', K.parked .. name, j.id)
  if redis.call('ZREM', K.line .. name, j.id) == 1 then
    fill_line(name)
    if is_limited(j.type) then wake(j.type) end -- its ticket may have been one of those that the limits let out
  end
end

local function join_line(j)
  local name = line_name(j)
  if is_barred(j) then -- parked where it will be found in its turn; a ticket that is on its way does not count
    put(j, 'last', j.line)
    ticket_used(j)
    redis.call('SADD', K.lines, name)
    redis.call('ZREM', K.line .. name, j.id)
    redis.call('ZREM', K.parked .. name, j.id)
    redis.call('ZADD', K.backlog .. name, j.turn, j.id)
    return
  end
  if j.line > j.last then return end
  redis.call('SADD', K.lines, name)
  if is_ending(j) then
    redis.call('ZREM', K.backlog .. name, j.id)
    redis.call('ZADD', K.line .. name, j.turn, j.id)
  end
  if redis.call('ZSCORE', K.line .. name, j.id) then return admit(j) end
  -- The one with the lowest turn goes first, also if it comes later.
  redis.call('ZADD', K.backlog .. name, j.turn, j.id)
  fill_line(name)
end

-- The job's ticket does not count any more, wherever it is, and its place in line is free.
local function void_ticket(j)
  put(j, 'last', j.line)
  ticket_used(j)
  leave_line(j)
end

-- Take the hold off a job; one that was shown as paused goes on where it was.
local function release_hold(j)
  put(j, 'held', nil)
  if j.status == 'paused' and move(j, j.started_at and 'active' or 'waiting') then event('job-resumed', j) end
end

-- Hold `gate_name` ('all', 'type:<type>', 'account:<account>'). One write; `reason` is a breaker's. Answers whether that was not so before.
local function shut_gate(gate_name, data, reason)
  if redis.call('HSETNX', K.gates, gate_name, int(now)) == 0 then return false end
  if reason then redis.call('HSET', K.gate_reasons, gate_name, cjson.encode(reason)) end
  data.reason = reason
  if reason then
    local kind, name = string.match(gate_name, '^(%a+):?(.*)$')
    trail.add_machine(kind .. '.pause', 'breaker/' .. gate_name .. '/' .. int(now_us),
      { kind = kind, target = name, type = data.type, before = { held = false }, after = { held = true, reason = reason } })
  end
  system_event('queue-paused', data)
  return true
end

-- Why the job may not run now, or nil. What holds a whole type is `is_shut` and `room`.
local function gate(j)
  if has(j.held) then return 'paused' end
  if j.status == 'delayed' and (j.run_at or 0) > now then return 'scheduled' end
  if (j.not_before or 0) > now then return 'backoff' end
  return nil
end

local RETRIES_OUTSTANDING = 5000 -- with so many, nothing fresh is begun

local function claimable(j, live)
  if is_final(j) or gate(j) then return false end
  if j.phase ~= 'run' then return live == 0 end
  if has(j.stop) then return false end
  if redis.call('LLEN', K.returned .. j.id) > 0 then return true end
  local retries = redis.call('ZCARD', K.retry .. j.id)
  if retries > 0 and redis.call('ZCOUNT', K.retry .. j.id, '-inf', now) > 0 then return true end
  return j.cursor < j.total and retries < RETRIES_OUTSTANDING
end

-- End the job: its status, its one terminal event, nothing left in any line.
local function end_job(j)
  local to = 'completed'
  if has(j.stop) then to = j.stop
  elseif j.total and j.total > 0 and j.failed == j.total then to = 'failed' end
  if to == 'failed' and not has(j.error) then
    local top, most = 'failed', 0
    local codes = redis.call('HGETALL', K.codes .. j.id)
    for i = 1, #codes, 2 do
      if tonumber(codes[i + 1]) > most then top, most = codes[i], tonumber(codes[i + 1]) end
    end
    put(j, 'error', cjson.encode({ code = top, message = 'Every item failed; the most frequent cause is ' .. top .. '.' }))
  end
  if to == 'completed' and j.status ~= 'active' then move(j, 'active') end -- an old owner settled the last item meanwhile
  if redis.call('ZSCORE', K.unsaid, j.id) then say_progress(j) end -- the last state is always said
  if not move(j, to) then return end
  put(j, 'phase', 'over')
  put(j, 'finished_at', now)
  put(j, 'held', nil) -- a hold is of this run
  put(j, 'current', nil)
  if j.total then redis.call('HINCRBY', K.items_left, j.type, -(j.total - settled_count(j))) end
  redis.call('ZADD', K.ended .. to, now, j.id)
  redis.call('ZADD', K.ended_of .. j.type .. ':' .. to, now, j.id)
  void_ticket(j)
  let_go(j)
  for _, name in ipairs({ 'retry_due', 'job_due', 'idle', 'unsaid' }) do redis.call('ZREM', K[name], j.id) end
  for _, name in ipairs({ 'retry', 'returned', 'tries', 'suspects', 'lapses' }) do redis.call('UNLINK', K[name] .. j.id) end
  count(j.type, to, 1)
  event('job-' .. to, j, { result = j.result, error = j.error })
end

local function settle_line(j)
  if is_final(j) then return end
  local live = redis.call('SCARD', K.leases .. j.id)
  if j.phase == 'run' and live == 0 and (has(j.stop) or settled_count(j) >= j.total) then
    put(j, 'phase', 'finish')
    if j.finishes == '0' or not j.started_at then return end_job(j) end
  elseif j.phase == 'plan' and live == 0 and has(j.stop) then
    return end_job(j)
  end
  local work = claimable(j, live)
  if work then join_line(j) else
    void_ticket(j) -- one that is on its way finds nothing to do; it is not owed any more
  end
  if has(j.held) and live == 0 and (j.status == 'waiting' or j.status == 'active') and move(j, 'paused') then
    event('job-paused', j)
  end
  local due = j.not_before
  if j.phase == 'run' then
    local first = redis.call('ZRANGE', K.retry .. j.id, 0, 0, 'WITHSCORES')
    due = first[2] and tonumber(first[2]) or nil
  end
  -- What is due and cannot run waits for something else than time, and would hide others from the pass that looks here.
  if due and due > now and not work then redis.call('ZADD', K.retry_due, due, j.id) else redis.call('ZREM', K.retry_due, j.id) end
  if due and not work and live == 0 and j.status == 'active' then
    redis.call('ZADD', K.idle, 'NX', now, j.id)
  else
    redis.call('ZREM', K.idle, j.id)
  end
  if is_limited(j.type) then wake(j.type) end -- a ticket that was used for a plan, say, takes none of their room
end
