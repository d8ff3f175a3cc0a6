-- What a job holds beside its work until it ends: its idempotency key, the sole right to its parameters, its deadline.

local REPEATS_KNOWN_S = 86400 -- after the job's end

-- The unended job that has these parameters to itself, or nil.
local function holder_of(type_name, digest)
  local id = redis.call('HGET', K.unique .. type_name, digest)
  local other = id and load(id)
  return other and not is_final(other) and other or nil
end

local function is_own_key(j) return redis.call('HGET', K.idempotency .. j.idem, 'job') == j.id end

-- Take hold of what the job's fields say; also when it begins once more. `holder_of` was asked before.
local function take_hold(j)
  if has(j.unique) then redis.call('HSET', K.unique .. j.type, j.unique, j.id) end
  if has(j.idem) and is_own_key(j) then redis.call('PERSIST', K.idempotency .. j.idem) end
  if j.deadline_ms then
    put(j, 'deadline', now + j.deadline_ms)
    redis.call('ZADD', K.deadlines, j.deadline, j.id)
  end
end

-- The job has ended, or is being taken away before it did.
local function let_go(j)
  if has(j.unique) and redis.call('HGET', K.unique .. j.type, j.unique) == j.id then
    redis.call('HDEL', K.unique .. j.type, j.unique)
  end
  if has(j.idem) and is_own_key(j) then redis.call('EXPIRE', K.idempotency .. j.idem, REPEATS_KNOWN_S, 'NX') end
  redis.call('ZREM', K.deadlines, j.id)
end
