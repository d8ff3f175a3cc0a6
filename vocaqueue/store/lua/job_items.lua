#!lua flags=no-writes
-- Find one page of a job's items by their states, and what is needed to name the state of each. Reads only.
--
-- a: id, wanted ({status = true …}: waiting, active, retrying, completed, skipped, failed, not_done), skip (how many that fit
--    come before the page), limit
-- Answers (not JSON) {'gone'} or {'ok', counters, spans, singles, retries, segments, skip}: the counters are {status, total, completed,
-- failed, skipped, in hand, retrying}; spans {from, to …} and singles {item …} are in the hands of leases; retries are
-- {item, due …} of the segments; a segment is {number, settled, failed, skipped, away}, SEGMENT bytes of each bitmap; skip is how many
-- that fit in them come before the page.
--
-- How many items of a stretch fit is a sum of BITCOUNTs, so the place is found by halving, and only the segments that hold
-- the page are read.
local function page() -- a function, for a script has room for 200 local names
  local SEGMENT = 512 -- bytes; 4,096 items

  local known = redis.call('HMGET', K.job .. a.id, 'status', 'total', 'completed', 'failed', 'skipped', 'in_hand', 'run')
  if not known[1] then return { 'gone' } end
  local function number(i) return tonumber(known[i] or '') or 0 end
  local total, run, ended = number(2), known[7], FINAL[known[1]]
  local counters = { known[1], known[2] or '', number(3), number(4), number(5), number(6), redis.call('ZCARD', K.retry .. a.id) }
  if total == 0 then return { 'ok', counters, {}, {}, {}, {}, 0 } end

  local function want(status) return a.wanted[status] and 1 or 0 end
  local waiting = ended and want('not_done') or want('waiting')
  local active, retrying = ended and 0 or want('active'), ended and 0 or want('retrying')
  local completed, failed, skipped = want('completed'), want('failed'), want('skipped')

  -- What is not settled, and where it is.
  local spans, singles, retries, due = {}, {}, {}, {}

  -- How many of the sorted `list` are below `item`.
  local function below(list, item)
    local low, high = 0, #list
    while low < high do
      local middle = math.floor((low + high) / 2)
      if list[middle + 1] < item then low = middle + 1 else high = middle end
    end
    return low
  end

  if not ended and waiting + active + retrying > 0 then
    local flat = redis.call('ZRANGE', K.retry .. a.id, 0, -1, 'WITHSCORES')
    for i = 1, #flat, 2 do
      local item = tonumber(flat[i])
      retries[#retries + 1] = item
      due[item] = tonumber(flat[i + 1])
    end
    table.sort(retries)
    for _, token in ipairs(redis.call('SMEMBERS', K.leases .. a.id)) do
      local lease = redis.call('HMGET', K.lease .. token, 'run', 'kind', 'closed', 'ranges', 'retried')
      if lease[1] == run and lease[2] == 'run' and not lease[3] then
        for _, range in ipairs(pairs_of(lease[4] or '')) do spans[#spans + 1] = range end
        local items = items_of(lease[5] or '')
        for from = 1, #items, 500 do
          local ask = {}
          for i = from, math.min(#items, from + 499) do
            ask[#ask + 1], ask[#ask + 2], ask[#ask + 3] = 'GET', 'u1', int(items[i])
          end
          for i, bit in ipairs(redis.call('BITFIELD_RO', K.settled .. a.id, unpack(ask))) do
            local item = items[from + i - 1]
            if bit == 0 and not due[item] then singles[#singles + 1] = item end
          end
        end
      end
    end
    table.sort(singles)
  end

  -- Leases own different items, so their ranges in order can be summed up once.
  local sums = { 0 } -- what is in hand in the ranges before the one of that number
  local function open(from, to) return to - from - redis.call('BITCOUNT', K.away .. a.id, from, to - 1, 'BIT') end
  if active ~= waiting then
    table.sort(spans, function(one, other) return one[1] < other[1] end)
    for i, span in ipairs(spans) do sums[i + 1] = sums[i] + open(span[1], span[2]) end
  end

  local function in_hand_below(item)
    local low, high = 0, #spans
    while low < high do
      local middle = math.floor((low + high) / 2)
      if spans[middle + 1][1] < item then low = middle + 1 else high = middle end
    end
    local n = below(singles, item) + sums[low + 1]
    if low > 0 and item < spans[low][2] then n = n - open(item, spans[low][2]) end
    return n
  end

  local function in_hand(from, to) return in_hand_below(to) - in_hand_below(from) end

  -- How many items of the segments [from, to) fit: completed is what is settled and neither failed nor skipped, and so on.
  local function fitting(from, to)
    local first, last = from * SEGMENT, to * SEGMENT - 1
    local start, stop = first * 8, math.min(to * SEGMENT * 8, total)
    local n = waiting * (stop - start)
    local function add(factor, count, ...)
      if factor ~= 0 then n = n + factor * count(...) end
    end
    local function bits(name) return redis.call('BITCOUNT', K[name] .. a.id, first, last) end
    add(completed - waiting, bits, 'settled')
    add(failed - completed, bits, 'failed')
    add(skipped - completed, bits, 'skipped')
    add(active - waiting, in_hand, start, stop)
    add(retrying - waiting, function() return below(retries, stop) - below(retries, start) end)
    return n
  end

  local last = math.ceil(total / (SEGMENT * 8))
  local low, high, before = 0, last, 0
  while high - low > 1 do
    local middle = math.floor((low + high) / 2)
    local n = fitting(0, middle)
    if n <= a.skip then low, before = middle, n else high = middle end
  end

  local segments, shown = {}, {}
  local left = a.skip - before + a.limit
  for segment = low, last - 1 do
    if left <= 0 then break end
    local n = fitting(segment, segment + 1)
    if n > 0 then
      left = left - n
      local first = segment * SEGMENT
      local found = { segment }
      for _, name in ipairs({ 'settled', 'failed', 'skipped', 'away' }) do
        found[#found + 1] = redis.call('GETRANGE', K[name] .. a.id, first, first + SEGMENT - 1)
      end
      segments[#segments + 1] = found
      for i = below(retries, first * 8) + 1, below(retries, (first + SEGMENT) * 8) do
        shown[#shown + 1], shown[#shown + 2] = retries[i], due[retries[i]]
      end
    end
  end
  local flat = {}
  for _, span in ipairs(spans) do flat[#flat + 1], flat[#flat + 2] = span[1], span[2] end
  return { 'ok', counters, flat, singles, shown, segments, a.skip - before }
end
return page()
