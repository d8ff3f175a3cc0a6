"""The blueprint that a Flask application mounts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import IO, TYPE_CHECKING

from flask import request

from ..errors import BadSettings
from . import (
    audit,
    dead_letters,
    docs,
    history,
    items,
    jobs,
    later,
    limits,
    logs,
    page,
    removal,
    schedules,
    steering,
    submission,
    system,
    waiting,
)
from . import keys as key_routes
from .guard import Authorize, GuardedBlueprint
from .hub import Hub
from .places import Places
from .stream import EventsBlueprint

if TYPE_CHECKING:
    from ..engine.keys import KeyStore
    from ..engine.queue import QueueManager

#: Keeps a file that somebody hands in, and answers its upload id.
Uploads = Callable[[IO[bytes], str], str]


class AdminBlueprint(GuardedBlueprint):
    """The API of one queue, with `hub`, which feeds its streams."""

    hub: Hub
    places: Places

    def close(self) -> None:
        """End all streams, as when the process stops."""
        self.hub.close()


def create_admin_blueprint(
    queue: QueueManager,
    *,
    authorize: Authorize | None = None,
    uploads: Uploads | None = None,
    discard_upload: Callable[[str], None] | None = None,
    links: Mapping[str, str] | None = None,
    keys: KeyStore | None = None,
    name: str = "vocaqueue",
) -> AdminBlueprint:
    """
    The API, the stream and the dashboard (`/ui/`) of one queue, for `app.register_blueprint`.

    Args:
        authorize: Says who makes a request; None is answered with 401, too low a role with 403. It must be given.
        uploads: Keeps the file of a multipart request; None: files cannot be handed in here.
        discard_upload: Throws the file of that upload id away; without it a dry run takes no file.
        links: Addresses outside this blueprint that the dashboard uses: `words`, `logout`, and `login`, to which
            it leads a browser that is not signed in, with the way back as `next`.
        keys: `queue.keys`, where your `authorize` lets its API keys in; None: there is no `/keys`.
        name: Another one for each further queue in the same application.

    Raises:
        BadSettings: `authorize` was forgotten, or is no function.
    """
    if authorize is None:
        raise BadSettings(
            "authorize must be a function that takes the request and returns an Identity or None; it was not given, "
            "and there is no default, for without it everybody could do everything"
        )
    blueprint = AdminBlueprint(name, __name__, authorize=authorize)
    blueprint.login = (links or {}).get("login")
    blueprint.hub = hub = Hub(queue)
    blueprint.places = places = Places(queue.settings.sse_places, queue.settings.sse_per_browser)
    blueprint.on_forbidden = lambda: queue.audit.note(
        f"request.{request.method.lower()}", kind="request", target=request.path[:500], outcome="forbidden"
    )
    jobs.add_routes(blueprint, queue)
    files = None if uploads is None else submission.Files(uploads, discard_upload)
    submission.add_routes(blueprint, queue, files)
    waiting.add_routes(blueprint, hub, places)
    removal.add_routes(blueprint, queue)
    logs.add_routes(blueprint, queue)
    items.add_routes(blueprint, queue)
    schedules.add_routes(blueprint, queue)
    steering.add_routes(blueprint, queue)
    limits.add_routes(blueprint, queue)
    system.add_routes(blueprint, queue, dict(links or {}))
    history.add_routes(blueprint, queue)
    dead_letters.add_routes(blueprint, queue)
    audit.add_routes(blueprint, queue)
    docs.add_routes(blueprint)
    later.add_routes(blueprint)
    if keys is not None:
        key_routes.add_routes(blueprint, keys)
    page.add_routes(blueprint)
    blueprint.register_blueprint(EventsBlueprint("events", hub, places, authorize=authorize), url_prefix="/events")
    blueprint.close_with_404()
    return blueprint
