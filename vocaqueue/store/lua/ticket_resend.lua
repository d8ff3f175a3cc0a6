#!lua flags=allow-oom
-- Tickets to send again: those that nobody said to have sent, and those that the broker seems to have lost.
--
-- a: age_ms (a ticket in the outbox for longer was not sent), limit,
--    missing (list of {job, number}: sent, unused and not to be found in the broker), missing_ms (wait before the first resend
--    of one, doubled with each further one, 60 s at most)
-- Answers {}; the tickets are in `tickets`, with the numbers that they had: a double is harmless.
for _, id in ipairs(redis.call('ZRANGEBYSCORE', K.outbox, '-inf', now - a.age_ms, 'LIMIT', 0, a.limit)) do
  local j = load(id)
  if j and j.line > j.last then
    redis.call('ZADD', K.outbox, now, id)
    tickets[#tickets + 1] = { j.id, j.line, j.type, j.priority }
  else
    redis.call('ZREM', K.outbox, id)
  end
end
for _, pair in ipairs(a.missing or {}) do
  local j = load(pair[1])
  local key = j and K.sent .. line_name(j)
  local since = j and tonumber(redis.call('ZSCORE', key, j.id) or '')
  if since and j.line == pair[2] and now - since >= math.min(60000, a.missing_ms * 2 ^ (j.resends or 0)) then
    put(j, 'resends', (j.resends or 0) + 1)
    redis.call('ZREM', key, j.id)
    redis.call('ZADD', K.outbox, now, j.id)
    tickets[#tickets + 1] = { j.id, j.line, j.type, j.priority }
  end
end
return answer({})
