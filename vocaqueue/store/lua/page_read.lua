#!lua flags=no-writes
-- A page of several indexes as if they were one, by falling score and then by falling member.
--
-- a: indexes (sorted sets, no two of which have the same member), first (rank of the page's first entry, from 0), limit
-- Answers {entries of all, skip, member, score, ...}: in the order of the whole, the page comes after `skip` of these.
--
-- Each index may hold all that comes before the page. A page far down is not reached entry by entry: counts find the score
-- at which it begins, and only what has that score or a lower one is read.
local NEAR = 200 -- entries that may as well be read

local total, low, high = 0, math.huge, 0
for _, index in ipairs(a.indexes) do
  local entries = redis.call('ZCARD', index)
  if entries > 0 then
    total = total + entries
    low = math.min(low, tonumber(redis.call('ZRANGE', index, 0, 0, 'WITHSCORES')[2]))
    high = math.max(high, tonumber(redis.call('ZRANGE', index, -1, -1, 'WITHSCORES')[2]))
  end
end
if a.first >= total then return { total, 0 } end

local function above(score)
  local entries = 0
  for _, index in ipairs(a.indexes) do entries = entries + redis.call('ZCOUNT', index, '(' .. int(score), '+inf') end
  return entries
end

local skip, from = a.first, '+inf'
if a.first * #a.indexes > NEAR then
  while low < high do -- the lowest score that no more than `first` entries are above of
    local middle = math.floor((low + high) / 2)
    if above(middle) <= a.first then high = middle else low = middle + 1 end
  end
  skip, from = a.first - above(high), int(high)
end
local found = { total, skip }
for _, index in ipairs(a.indexes) do
  local part = redis.call('ZRANGE', index, from, '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, skip + a.limit, 'WITHSCORES')
  for i = 1, #part do found[#found + 1] = part[i] end
end
return found
