"""
Every key that the ledger has, and what it holds.

All of them start with `{namespace}:`; the braces make one namespace one slot of a cluster. `<id>` is a job's id, `<p>`
a priority from 1 to 4. The Lua steps get the same table as `K`, so a key is spelled in one place.
Times are milliseconds since the epoch by the server's clock. Items are named by their position in the job.
"""

from __future__ import annotations

KEYS: dict[str, str] = {
    # One job
    "job": "job:",  # <id>  hash    the job; the fields are those of lua/job_create.lua
    "items": "items:",  # <id>  hash    block number -> zlib'd JSON list of up to ITEMS_PER_BLOCK item ids
    "settled": "settled:",  # <id>  bits    item is done, skipped or failed
    "skipped": "skipped:",  # <id>  bits    … and it was skipped
    "failed": "failed:",  # <id>  bits    … and it failed
    "failed_code": "failed-code:",  # <id>:<code>  bits  items that failed with this code (32 codes, the rest `other`)
    "codes": "codes:",  # <id>  hash    code -> how many items failed with it
    "away": "away:",  # <id>  bits    item is settled, or lives in `retry` from now on: ranges skip it
    "returned": "returned:",  # <id>  list    "a:b": ranges handed back, to be claimed before `cursor`
    "retry": "retry:",  # <id>  zset    item -> when it may be tried again
    "tries": "tries:",  # <id>  hash    item -> failures in this run
    "suspects": "suspects:",  # <id>  hash    item -> deaths of a child with this item alone in hand; is claimed alone
    "lapses": "lapses:",  # <id>  hash    item -> leases that ran out with this item first
    "errors": "errors:",  # <id>  list    newest 10,000 failures, JSON [item, id, name, code, message, at, tries]
    "leases": "leases:",  # <id>  set     tokens of the live leases
    "logs": "logs:",  # <id>  list    newest LOG_LINES_KEPT lines, "number JSON": [at, level, message, item id, logger]
    "story": "story:",  # <id>  list    newest 200 events that the hash does not tell: JSON [at, name, more]
    # One lease
    "lease": "lease:",  # <token>  hash  see lua/lib/lease.lua; goes a while after it was closed
    # One namespace
    "lease_ends": "lease-ends",  # zset  token -> end of the lease
    "type_leases": "type-leases:",  # <type>  zset  token -> end of the lease, run leases of the type
    "died_alone": "died-alone:",  # <type>  zset  "job/item" -> last death of a child with it alone in hand; a minute
    "spared": "spared:",  # <type>  zset  "job/item" that was done after such a death -> when; five minutes
    "retry_due": "retry-due",  # zset  job -> when its next retry is due
    "job_due": "job-due",  # zset  job -> when a delayed job may run
    "deadlines": "deadlines",  # zset  job -> when it must have ended
    "idempotency": "idempotency:",  # <digest of scope and key>  hash  job, body, type; goes a day after the end
    "unique": "unique:",  # <type>  hash  digest of the parameters -> the unended job that has them to itself
    "schedule": "schedule:",  # <schedule>  hash  see lua/schedule_put.lua; also `gone:<token>`, the trace of a removal
    "schedules": "schedules",  # zset  schedule -> when it was made
    "schedule_due": "schedule-due",  # zset  schedule -> when it is due next
    "schedules_made": "schedules-made",  # set   schedules that are made once and not again after they were removed
    "firings": "firings",  # zset  "<schedule>@<due>" -> when it was decided; gone as soon as its job is there
    "idle": "idle",  # zset  job -> since when all that is left of it waits for a retry
    "outbox": "outbox",  # zset  job -> since when its newest ticket waits to be sent
    "sent": "sent:",  # <type>:<p>  zset  job -> when its newest ticket was sent and not used yet
    "line": "line:",  # <type>:<p>  zset  job -> turn; jobs that have a place in the line, and so a ticket
    "backlog": "backlog:",  # <type>:<p>  zset  job -> turn; jobs that wait for a place
    "types": "types",  # set   every type that ever had a job or was declared
    "lines": "lines",  # set   "<type>:<p>" of every line that ever was
    "gates": "gates",  # hash  "all", "type:<type>" or "account:<account>" -> since when it is held
    "gate_reasons": "gate-reasons",  # hash  gate -> JSON {code, message}; of those that a breaker shut
    "limits": "limits:",  # <type>  hash  declared (by the code), account, cap, cap_set; see lua/lib/limits.lua
    "cell": "cell:",  # type:<type> or account:<account>  hash  a rate; see lua/lib/limits.lua
    "limit_due": "limit-due",  # zset  type -> when its rate lets the next one through; only while jobs of it are parked
    "parked": "parked:",  # <type>:<p>  zset  job -> number; in line, no ticket until the type's limits let it run
    "park": "park",  # string  last number given in `parked`
    "breaker": "breaker:",  # <type>  hash  code, failures, fatal_code, fatals: how many in a row
    "gate_acts": "gate-acts",  # string  the last acts on gates and limits and their answers, see lua/lib/base.lua
    "turn": "turn",  # string  last turn given; a job keeps its turn for life
    "fence": "fence",  # string  last fence given, in microseconds of the server's clock or above
    "reaper": "reaper",  # hash  tick, server, no_reap_until
    # Indexes, score: when the job was created
    "jobs": "jobs",  # zset  every job
    "by_status": "by-status:",  # <status>
    "by_type": "by-type:",  # <type>
    "by_type_status": "by-type-status:",  # <type>:<status>
    "ended": "ended:",  # <status>  zset  job -> when it ended, or was restored
    "ended_of": "ended-of:",  # <type>:<status>  zset  the same, of one type
    "items_left": "items-left",  # hash  type -> items of unended jobs that are not settled
    # Counts for charts; what is counted: `created`, how jobs ended, `items-completed` …; see lua/lib/base.lua
    "minute": "minute:",  # <begin of its hour>  hash  "<number in it>:<type>:<what>" -> how many; goes after a day
    "quarter": "quarter:",  # <begin of its day>  hash  the same by the quarter of an hour; goes after a week
    # Streams
    "events": "events",  # stream  life of jobs, queues and workers
    "progress": "progress",  # stream  progress of jobs, short
    "audit": "audit",  # stream  acts that the archive has not stored yet, see lua/lib/audit.lua; never trimmed before
    "audit_mark": "audit-mark",  # string  the entry that was first when the archive last stored some
    "event_id": "event-id",  # string  last id given in both, so that the two have one order
    "unsaid": "unsaid",  # zset  job -> when its last progress may be said
    # Kept by workers and the relay
    "slots": "slots:",  # <type>  hash  worker -> "slots:when it said so"
    "workers": "workers",  # hash  worker -> JSON of what the relay knows of it
    "archivist": "archivist",  # hash  pass -> JSON {at, error, failures}: how the archive's feeding goes
    "task_events": "task-events",  # stream  task-received, -started, -succeeded … from Celery, short
    "processes": "processes",  # hash  "<kind>@<host>:<pid>" of relay, reconciler, beat -> when it last said so
    "lock": "lock:",  # relay, reconciler  string  token of the one at work
    "gone": "gone:",  # <id>  string  removed while a ticket or its creation may still be on its way; an hour
    "told": "told:",  # <token>  string  answer of an act that removes or restores jobs, for a repeat of it; minutes
    "file_orphans": "file-orphans",  # set   jobs that were removed for good and whose files are still to go
    "preview": "preview:",  # <id>  string  the jobs that a bulk act was shown for, zlib'd JSON; minutes
    "dead_letters": "dead-letters",  # zset  id of a message that was set aside -> when, in microseconds
    "dead_letter": "dead-letter",  # hash  its id -> JSON of what is known of it
    "login": "login:",  # <sha256>  string  one-time sign-in links
    "session": "session:",  # <sha256>  string  JSON of who signed in; goes with its end, or by signing out
    "attempts": "attempts:",  # <what>:<whose>  string  when the next wrong key is due, see store/attempts.py
    "keys_generation": "keys-generation",  # string  counts the changes of API keys, so that processes look again
}

ITEMS_PER_BLOCK = 1000
ERRORS_KEPT = 10_000
LOG_LINES_KEPT = 10_000
STORY_KEPT = 200  #: as in lua/lib/events.lua


class Keys:
    """The keys of one namespace: `keys("job", job_id)`."""

    def __init__(self, namespace: str) -> None:
        self.prefix = f"{{{namespace}}}:"

    def __call__(self, name: str, *parts: object) -> str:
        return self.prefix + KEYS[name] + ":".join(map(str, parts))
