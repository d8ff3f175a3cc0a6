#!lua flags=allow-oom
-- Give a job that has not ended another priority; its turn stays.
--
-- a: id, priority (1-4), places
-- Answers {state = 'ok' | 'gone'} or {state = 'refused', status = …}.
local j = load(a.id)
if not j then return answer({ state = 'gone' }) end
if is_final(j) then return answer({ state = 'refused', status = j.status }) end
if j.priority ~= a.priority then
  void_ticket(j)
  put(j, 'priority', a.priority)
  settle_line(j)
end
return answer({ state = 'ok' })
