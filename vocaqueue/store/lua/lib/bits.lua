-- Bitmaps as strings: BITPOS, BITCOUNT and SETRANGE over ranges, so that a million items cost a few commands.
-- Ranges are half open: [from, to). A bitmap is as long as the job from its start (see `bits_make`), so BITPOS sees every zero.

local BITMAPS = { 'settled', 'skipped', 'failed', 'away' }

local function bits_make(id, total)
  if total > 0 then
    for _, name in ipairs(BITMAPS) do redis.call('SETBIT', K[name] .. id, total - 1, 0) end
  end
end

-- First run of clear bits in [from, to): its start and end, or nil.
local function next_clear(key, from, to)
  if from >= to then return nil end
  local start = redis.call('BITPOS', key, 0, from, to - 1, 'BIT')
  if start < 0 then return nil end
  local stop = redis.call('BITPOS', key, 1, start, to - 1, 'BIT')
  return start, stop < 0 and to or stop
end

local function set_bits(key, from, to)
  local first, last = math.ceil(from / 8) * 8, math.floor(to / 8) * 8
  if last <= first then
    for i = from, to - 1 do redis.call('SETBIT', key, i, 1) end
    return
  end
  for i = from, first - 1 do redis.call('SETBIT', key, i, 1) end
  redis.call('SETRANGE', key, first / 8, string.rep('\255', (last - first) / 8))
  for i = last, to - 1 do redis.call('SETBIT', key, i, 1) end
end

-- Settle what is still open in [from, to), also in the bitmap `extra` if one is named. Answers how many that were.
local function settle_range(id, from, to, extra)
  local settled, count = K.settled .. id, 0
  while true do
    local start, stop = next_clear(settled, from, to)
    if not start then return count end
    set_bits(settled, start, stop)
    set_bits(K.away .. id, start, stop)
    if extra then set_bits(K[extra] .. id, start, stop) end
    count = count + stop - start
    from = stop
  end
end

local function is_settled(id, item) return redis.call('GETBIT', K.settled .. id, item) == 1 end
