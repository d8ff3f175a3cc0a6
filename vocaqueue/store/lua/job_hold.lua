#!lua flags=allow-oom
-- Hold a job where it is, or let it go on. What is in hand ends first; a delayed job stays delayed; the turn is kept.
--
-- a: id, token (of this act), held (true or false), places
-- Answers {state = 'ok' | 'gone'} or {state = 'refused', status = …}.
local j = load(a.id)
if not j then return answer({ state = 'gone' }) end
local told = told_before(j.acts)
if told then return told end
if is_final(j) or has(j.stop) then return answer_act(j, { state = 'refused', status = j.status }) end
if a.held and not has(j.held) then
  put(j, 'held', '1')
  settle_line(j)
elseif not a.held and has(j.held) then
  release_hold(j)
  settle_line(j)
end
return answer_act(j, { state = 'ok' })
