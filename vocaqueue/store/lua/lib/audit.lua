-- The audit log: who did what to what, written by the very step that does it, so neither can be without the other. The archivist
-- stores the stream (archive/audit.py); nothing trims it before that.
--
-- a.audit, made by store/acts.py: {does = 'job.cancel', id, name, role, via, address, most}. Absent: the machine acts by itself.

local trail = {} -- a script has room for 200 local names
trail.refusals = { refused = true, duplicate = true, not_failed = true, conflict = true }

-- Append one entry. `t`: kind and target, type, outcome ('done' unless given), before, after; `jobs` (list of {id, type, status}) makes
-- one row of each. `key`: what tells it from every other entry; by default this act and its outcome.
function trail.add(t)
  local by = t.by or a.audit
  if not by then return end
  t.by, t.at, t.act, t.outcome = by, now, has(a.act) and a.act or a.token, t.outcome or 'done'
  local key = t.key or ((has(a.token) and a.token or a.id or '') .. '/' .. t.outcome)
  t.key = nil
  redis.call('XADD', K.audit, '*', 'key', key, 'data', cjson.encode(t))
end

-- What the machine did by itself to something that people set.
function trail.add_machine(does, key, t)
  t.by, t.key = { does = does, id = 'system', name = 'vocaqueue', via = 'system' }, key
  trail.add(t)
end

-- Refuses to make anything more while so many entries wait to be stored; nil while there is room.
function trail.full()
  if not a.audit or not a.audit.most then return nil end
  local waiting = redis.call('XLEN', K.audit)
  if waiting < a.audit.most then return nil end
  return cjson.encode({ state = 'audit_full', waiting = waiting })
end

-- A text of any length, as much as is kept of it; whoever stores it sees by the end that it was cut.
function trail.cut(text)
  return text and #text > 8192 and string.sub(text, 1, 8192) .. '…' or text
end

function trail.add_job(j, outcome, more)
  if not a.audit then return end
  local after = facts(j)
  for name, value in pairs(more or {}) do after[name] = value end
  trail.add({ kind = 'job', target = j.id, type = j.type, outcome = outcome, before = j._was, after = not trail.refusals[outcome] and after or nil })
end

-- Answer an act on a job, which remembers it.
local function answer_act(j, t, more)
  if has(a.token) then put(j, 'acts', acts_with(j.acts, cjson.encode(t))) end
  trail.add_job(j, trail.refusals[t.state] and t.state or 'done', more)
  return answer(t)
end
