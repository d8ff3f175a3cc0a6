"""
Which role each route needs: the contract's table, written down once more, by hand.

A route of the service that is not here, or states another role, fails `test_routes`; so nothing is opened by mistake.
"""

from __future__ import annotations

BASE = "/api/admin/queue"

_OF_THE_QUEUE = """
viewer    GET     /stats
viewer    GET     /jobs
operator  POST    /jobs/image-generation
operator  POST    /jobs/content-generation
operator  POST    /jobs/batch-import
operator  POST    /jobs/export
admin     POST    /jobs/cleanup
viewer    POST    /jobs/<type_name>
viewer    GET     /jobs/<job_id>
operator  PATCH   /jobs/<job_id>
admin     DELETE  /jobs/<job_id>
viewer    GET     /jobs/<job_id>/items
viewer    GET     /jobs/<job_id>/logs
viewer    GET     /jobs/<job_id>/errors
viewer    GET     /jobs/<job_id>/files/<name>
viewer    GET     /jobs/<job_id>/timeline
viewer    GET     /jobs/<job_id>/wait
operator  POST    /jobs/<job_id>/cancel
operator  POST    /jobs/<job_id>/pause
operator  POST    /jobs/<job_id>/resume
operator  POST    /jobs/<job_id>/promote
operator  POST    /jobs/<job_id>/retry
operator  POST    /jobs/<job_id>/undo
operator  POST    /jobs/bulk
operator  POST    /action
viewer    GET     /events
viewer    GET     /events/job/<job_id>
viewer    GET     /types
operator  PATCH   /types/<type_name>
viewer    GET     /accounts
operator  PATCH   /accounts/<account>
operator  POST    /uploads
operator  GET     /uploads/<upload_id>/preview
viewer    GET     /schedules
operator  POST    /schedules
viewer    GET     /schedules/<schedule_id>
operator  PATCH   /schedules/<schedule_id>
operator  DELETE  /schedules/<schedule_id>
operator  POST    /schedules/<schedule_id>/run
admin     GET     /bin
admin     POST    /bin/<job_id>/restore
admin     GET     /audit
admin     GET     /audit/verify
admin     GET     /keys
admin     POST    /keys
admin     DELETE  /keys/<key_id>
viewer    GET     /me
viewer    GET     /history
viewer    GET     /spend
viewer    GET     /dead-letters
viewer    GET     /workers
viewer    GET     /openapi.json
viewer    GET     /docs
viewer    GET     /docs/<name>
open      GET     /ui/
open      GET     /ui/<name>
"""

_OF_THE_SERVICE = """
open      GET     /
open      GET     /login
open      POST    /login
open      GET     /login/<name>
viewer    POST    /logout
open      GET     /healthz
open      GET     /readyz
viewer    GET     /metrics
viewer    GET     /api/openapi.json
viewer    GET     /api/words
viewer    GET     /api/words/<word_id>
operator  PATCH   /api/words/<word_id>
viewer    GET     /api/words/<word_id>/versions
viewer    GET     /api/words/<word_id>/image
"""

#: Part of the contract; this version may not have them yet.
COMING = frozenset(
    [
        ("GET", f"{BASE}/history"),
        ("GET", "/metrics"),
        ("PATCH", "/api/words/<word_id>"),
        ("GET", "/api/words/<word_id>/versions"),
    ]
)


def _read(table: str, base: str = "") -> dict[tuple[str, str], str]:
    rows = [line.split() for line in table.strip().splitlines()]
    return {(method, base + path): role for role, method, path in rows}


ROUTES = _read(_OF_THE_QUEUE, BASE) | _read(_OF_THE_SERVICE)
