#!lua flags=allow-oom
-- Tickets have left for the broker; told here by those who hold no lease.
--
-- a: sent (list of {job, number})
-- Answers {}.
tickets_sent(a.sent)
return answer({})
