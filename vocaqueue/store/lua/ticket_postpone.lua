#!lua flags=allow-oom
-- A ticket that this worker cannot use: it has another code than the job needs. Nothing is used up; the ticket comes again
-- after a while that doubles each time, 60 s at most, perhaps to a worker that can.
--
-- a: token (of this act), job, ticket, type (name of the task: must be the job's), reason (code), message (for people)
-- Answers {state = 'postponed', first = true when nobody said so before} or {state = 'gone'}: there is no such ticket.
local j = load(a.job)
if not j or j.type ~= a.type then return answer({ state = 'gone' }) end
return answer({ state = 'postponed', first = postpone(j, a.ticket, a.reason, a.message, a.token) })
