#!lua flags=no-writes
-- Read a job's log after a line: in one step, as lines leave at the front while others come.
--
-- a: id, after (number of a line; 0: from the first that is kept), limit
-- Answers {lines = {"number JSON" …}, kept = how many there are, written = how many there ever were} or {state = 'gone'}.
local j = load(a.id)
if not j then return answer({ state = 'gone' }) end
local written, kept = j.log_lines or 0, redis.call('LLEN', K.logs .. j.id)
local lines = {}
if kept > 0 then
  -- Numbers have gaps where lines were thrown away before they got here, so the place is found by halving.
  local low, high = 0, kept
  while low < high do
    local middle = math.floor((low + high) / 2)
    if tonumber(string.match(redis.call('LINDEX', K.logs .. j.id, middle), '^%d+')) > a.after then high = middle else low = middle + 1 end
  end
  lines = redis.call('LRANGE', K.logs .. j.id, low, low + a.limit - 1)
end
return answer({ lines = #lines > 0 and lines or nil, kept = kept, written = written })
