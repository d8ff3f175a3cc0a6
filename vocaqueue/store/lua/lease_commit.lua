#!lua flags=allow-oom
-- Settle items of a lease. Repeating it with the same (token, seq) changes nothing and gets the first answer.
--
-- a: token, seq (grows by one), done and skipped (lists of {from, to}), failed (list of {item, id, name, code, message, retryable,
--    after_ms}), limited (list of {item, after_ms}: the provider refused the call for its rate), cost_nano, current (name of an item in hand), jitter (0-1), lease_ms, sent (tickets that have left),
--    close (true: the rest goes back), begun and elapsed_ms (with close: for the size of the next claim), unused (permits),
--    breaker ({failures, fatals}: how many in a row hold the type),
--    fatal ({code, message}: the job cannot go on), places
-- Answers {state = 'ok' | 'closed' | 'gone', stop = true when no further item should be begun, wait = true when none should for now:
-- the provider has asked to wait, or the type was held}.
-- From a lease that was closed only done items that are still open count, and money always.

-- A run of one and the same failure holds the type (of one fatal failure: the account), with one clear reason, not thousands.
local function break_if_all_fail(type_name)
  if not has(a.breaker) then return end
  local key = K.breaker .. type_name
  if a.done then redis.call('UNLINK', key) end
  local retryable, code, message = 0, nil, nil
  for _, f in ipairs(a.failed or {}) do
    if f[6] then
      if code ~= f[4] then retryable = 0 end
      retryable, code, message = retryable + 1, f[4], f[5]
    end
  end
  local function in_a_row(code_field, count_field, this, n)
    if redis.call('HGET', key, code_field) ~= this then redis.call('HSET', key, code_field, this, count_field, 0) end
    return redis.call('HINCRBY', key, count_field, n)
  end
  if retryable > 0 then
    local n = in_a_row('code', 'failures', code, retryable)
    if has(a.breaker[1]) and n >= a.breaker[1] then
      local why = int(n) .. ' tries of ' .. type_name .. ' in a row failed with ' .. code .. ': ' .. message
      shut_gate('type:' .. type_name, { type = type_name }, { code = code, message = why })
    end
  end
  if has(a.fatal) then
    local n = in_a_row('fatal_code', 'fatals', a.fatal.code, 1)
    if has(a.breaker[2]) and n >= a.breaker[2] then
      local account = limits_of(type_name).account
      local why = int(n) .. ' jobs of ' .. type_name .. ' in a row ended with ' .. a.fatal.code .. ': ' .. a.fatal.message
      shut_gate(account and 'account:' .. account or 'type:' .. type_name, { type = type_name, account = account },
        { code = a.fatal.code, message = why })
    end
  end
end

local l = load_lease(a.token)
if not l then return answer({ state = 'gone', stop = true }) end
if a.seq <= l.seq then return l.answer end
local j = load(l.job)
local live = is_live(l, j)
local counts = j ~= nil and not is_final(j) and l.run == j.run

if j and has(a.cost_nano) and a.cost_nano > 0 then put(j, 'cost_nano', j.cost_nano + a.cost_nano) end
local dealt, shut = 0, nil
if has(a.done) then answered(l.type) end
for _, f in ipairs(a.limited or {}) do shut = refused(l.type, l.since, f[2], j and (j.rate or j.pace)) end
if counts then
  for _, range in ipairs(a.done or {}) do
    local n = settle_range(j.id, range[1], range[2])
    note_settled(j, 'completed', n)
    dealt = dealt + range[2] - range[1]
    if not live and redis.call('ZCARD', K.retry .. j.id) > 0 then
      for item = range[1], range[2] - 1 do redis.call('ZREM', K.retry .. j.id, item) end
    end
  end
end
if live then
  spare(j, l, a.done)
  for _, range in ipairs(a.skipped or {}) do
    note_settled(j, 'skipped', settle_range(j.id, range[1], range[2], 'skipped'))
    dealt = dealt + range[2] - range[1]
  end
  local waiting = {}
  for _, f in ipairs(a.failed or {}) do
    dealt = dealt + 1
    if f[6] then
      waiting[f[1]] = true
      fail_retryable(j, f[1], f[2], f[3], f[4], f[5], f[7], a.jitter)
    else
      fail_item(j, f[1], f[2], f[3], f[4], f[5], tonumber(redis.call('HGET', K.tries .. j.id, f[1]) or '0') + 1)
    end
  end
  for _, f in ipairs(a.limited or {}) do
    dealt = dealt + 1
    waiting[f[1]] = true
    if not is_settled(j.id, f[1]) then wait_for_retry(j, f[1], shut) end
  end
  forget_retried(l, waiting)
  add_left(j, l, -math.min(dealt, l.left))
  if has(a.current) then put(j, 'current', a.current) end
  if has(a.fatal) and not has(j.stop) then
    put(j, 'stop', 'failed')
    put(j, 'error', cjson.encode(a.fatal))
    put(j, 'held', nil) -- its finish is all that is left
  end
  if a.close then
    if has(a.begun) and a.begun > 0 and (a.elapsed_ms or 0) > 0 then
      local pace = a.begun * 1000 / a.elapsed_ms
      put(j, 'pace', j.pace and (j.pace + pace) / 2 or pace)
      put(j, 'chunk', a.begun)
    end
    give_back(j, l)
    close(j, l, 'done', a.unused or 0)
  else
    extend(l)
  end
end
if live then break_if_all_fail(l.type) end
tickets_sent(a.sent)
if counts then
  if dealt > 0 then progress(j) end
  settle_line(j)
end
local reply = answer({ state = live and 'ok' or 'closed', stop = not live or has(j.stop) or is_final(j), wait = live and must_wait(l.type) or nil })
redis.call('HSET', K.lease .. l.token, 'seq', int(a.seq), 'answer', reply)
return reply
