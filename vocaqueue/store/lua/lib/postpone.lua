-- A ticket that met a worker whose code cannot use it: it comes again later, with the number it has.

local POSTPONED_FIRST_MS, POSTPONED_MOST_MS = 1000, 60000
local OUTBOX_AGE_MS = 2000 -- what stands in the outbox for so long is sent again, see engine/reconciler.py

-- Answers whether this is the first word on it: the ticket is the job's present one, and was not postponed for `reason` before.
-- `token` names the act: a repeat does nothing.
local function postpone(j, number, reason, message, token)
  if is_final(j) or number ~= j.line or j.line <= j.last or j.postponed_by == token then return false end
  local first = j.postponed ~= reason
  local wait = math.min(POSTPONED_MOST_MS, POSTPONED_FIRST_MS * 2 ^ math.min(j.resends or 0, 10))
  put(j, 'resends', (j.resends or 0) + 1)
  put(j, 'postponed', reason)
  put(j, 'postponed_why', message)
  put(j, 'postponed_by', token)
  redis.call('ZREM', K.sent .. line_name(j), j.id)
  redis.call('ZADD', K.outbox, now + wait - OUTBOX_AGE_MS, j.id)
  return first
end
