-- Whether the item that was alone in hand killed its child, or somebody kills children.
--
-- A child that was killed by its item and one that was killed by the system's memory killer, or by a person, end the same
-- way. What tells them apart is what befalls the others of the type: so more deaths are needed while many other items
-- lose their children too, and more still while items that had lost theirs are done at the next try.

local CROWD, CROWD_MS, CROWD_DEATHS = 3, 60000, 6 -- other items that died alone, within, then so many deaths are needed
local SPARED, SPARED_MS, SPARED_DEATHS = 2, 300000, 12 -- other items that died alone and were done then, likewise
local NAMES_KEPT = 1000

local function item_name(j, item) return j.id .. '/' .. int(item) end

local function note(key, name, kept_ms)
  redis.call('ZADD', key, now, name)
  redis.call('ZREMRANGEBYRANK', key, 0, -NAMES_KEPT - 1)
  redis.call('PEXPIRE', key, kept_ms)
end

-- Others than `name` that were noted within the time.
local function others(key, name, within_ms)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now - within_ms)
  return redis.call('ZCARD', key) - (redis.call('ZSCORE', key, name) and 1 or 0)
end

-- Deaths alone, this one among them, that it takes to call the item poison. `calm` when nothing speaks for it.
local function deaths_needed(j, item, calm)
  local name = item_name(j, item)
  note(K.died_alone .. j.type, name, CROWD_MS)
  if others(K.spared .. j.type, name, SPARED_MS) >= SPARED then return SPARED_DEATHS end
  if others(K.died_alone .. j.type, name, CROWD_MS) >= CROWD then return CROWD_DEATHS end
  return calm
end

-- An item that would be poison in calmer times waits longer each time, so that it outlasts whatever kills.
local function rest_of_suspect(deaths, calm) return deaths < calm and 0 or math.min(30000, 1000 * 2 ^ (deaths - calm)) end

-- Items of a lease are done: one that was alone in hand, and has lost children before, did not kill them.
local function spare(j, l, done)
  if l.count ~= 1 or not has(done) or not done[1] then return end
  local item = done[1][1]
  if (tonumber(redis.call('HGET', K.suspects .. j.id, item) or '0') or 0) > 0 then
    note(K.spared .. j.type, item_name(j, item), SPARED_MS)
  end
end
