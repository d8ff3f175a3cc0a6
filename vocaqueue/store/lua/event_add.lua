#!lua flags=allow-oom
-- Append an event that belongs to no job: worker-online, worker-offline.
--
-- a: event, data (object), events_kept
-- Answers {}.
system_event(a.event, a.data)
return answer({})
