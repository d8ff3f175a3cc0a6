#!lua flags=allow-oom
-- Give a job that has not ended another priority; its turn stays.
--
-- a: id, token (of this act), priority (1-4), places
-- Answers {state = 'ok' | 'gone'} or {state = 'refused', status = …}.
local j = load(a.id)
if not j then return answer({ state = 'gone' }) end
local told = told_before(j.acts)
if told then return told end
if is_final(j) then return answer_act(j, { state = 'refused', status = j.status }) end
if j.priority ~= a.priority then
  void_ticket(j)
  put(j, 'priority', a.priority)
  remember(j, 'job-priority', { priority = a.priority })
  settle_line(j)
end
return answer_act(j, { state = 'ok' })
