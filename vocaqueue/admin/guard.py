"""Who may do what: one mechanism for every route, closed by default."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from flask import Blueprint, Request, current_app, g, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import Forbidden, MethodNotAllowed, NotFound, Unauthorized
from werkzeug.routing import RequestRedirect

from ..actor import Actor, acting
from ..errors import BadSettings
from . import payloads
from .requests import SMALL_BODY_BYTES

OPEN = "open"  #: needs no identity, such as the page that says how to sign in
ROLES = ("viewer", "operator", "admin")  #: each may do what the ones before it may
VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody whom the host knows."""

    id: str
    name: str
    role: str  #: viewer, operator or admin


#: The host's check: None means that nobody is signed in. It may raise werkzeug's `Forbidden` with a sentence.
Authorize = Callable[[Request], Identity | None]


class GuardedBlueprint(Blueprint):
    """
    A blueprint whose every route states its role; one without does not register.

    Args:
        authorize: Says who asks. There is no default.

    All its errors are JSON.
    """

    def __init__(self, name: str, import_name: str, *, authorize: Authorize, **options: Any) -> None:
        if not callable(authorize):
            raise BadSettings("authorize must be a function that takes the request and returns an Identity or None")
        super().__init__(name, import_name, **options)
        self.authorize = authorize
        self._guarded: dict[str, Callable[..., ResponseReturnValue]] = {}
        self.after_request(_not_stored)
        payloads.handle_errors(self)

    def add_url_rule(  # type: ignore[override]
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: Callable[..., ResponseReturnValue] | None = None,
        *,
        role: str | None = None,
        **options: Any,
    ) -> None:
        """Raises BadSettings when the role is not stated."""
        if role not in (OPEN, *ROLES) or view_func is None:
            raise BadSettings(f"{self.name}: the route {rule} must state its role: {', '.join((OPEN, *ROLES))}")
        endpoint = endpoint or view_func.__name__
        guarded = self._guarded.setdefault(endpoint, self._guard(view_func, role))
        if guarded.vocaqueue_role != role:  # type: ignore[attr-defined]
            raise BadSettings(f"{self.name}: the routes of {endpoint} must state one and the same role")
        super().add_url_rule(rule, endpoint, guarded, **options)

    def close_with_404(self) -> None:
        """Answer whatever else is under this prefix in JSON, for Flask's own 404 and 405 are the application's."""
        self.add_url_rule("/", "nothing_here", _nothing_here, role="viewer", methods=VERBS, strict_slashes=False)
        self.add_url_rule("/<path:rest>", "nothing_here", _nothing_here, role="viewer", methods=VERBS)

    def _guard(self, view: Callable[..., ResponseReturnValue], role: str) -> Callable[..., ResponseReturnValue]:
        # Around the view itself, so that it holds under whatever name and inside whatever blueprint this is registered.
        @wraps(view)
        def guarded(**arguments: Any) -> ResponseReturnValue:
            request.max_content_length = SMALL_BODY_BYTES
            if role != OPEN:
                g.vocaqueue_identity = self.authorize(request)
                if g.vocaqueue_identity is None:
                    raise Unauthorized("Sign in first, or send “Authorization: Bearer KEY”.")
                require(role)
            with acting(actor()):
                return view(**arguments)

        guarded.vocaqueue_role = role  # type: ignore[attr-defined]
        return guarded


def identity() -> Identity:
    """Whoever makes this request."""
    found: Identity = g.vocaqueue_identity
    return found


def actor() -> Actor:
    """Whoever makes this request, as the audit log names them; nobody's name where no identity is needed."""
    known: Identity | None = g.get("vocaqueue_identity")
    if known is None:
        return Actor("", "", None, "http", request.remote_addr)
    return Actor(known.id, known.name, known.role, "http", request.remote_addr)


def require(role: str) -> None:
    """Raises Forbidden when the identity of this request has a lower role."""
    if ROLES.index(identity().role) < ROLES.index(role):
        raise Forbidden(f"This needs the role {role}; you have {identity().role}.")


def _nothing_here(rest: str = "") -> ResponseReturnValue:
    adapter = current_app.create_url_adapter(request)
    allowed = []
    for verb in VERBS if adapter else ():
        try:
            rule, _ = adapter.match(method=verb, return_rule=True)  # type: ignore[union-attr]
        except (NotFound, MethodNotAllowed, RequestRedirect):
            continue
        if rule.endpoint.rpartition(".")[2] != "nothing_here":
            allowed.append(verb)
    if allowed:
        raise MethodNotAllowed(allowed, f"{request.method} is not possible here, only {', '.join(allowed)}.")
    raise NotFound("There is nothing at this address.")


def _not_stored(response: Any) -> Any:
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    return response
