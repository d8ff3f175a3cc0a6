"""Who may do what, and what is taken and answered: one mechanism for every route, closed by default."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any

from flask import Blueprint, Request, current_app, g, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import Forbidden, MethodNotAllowed, NotFound, Unauthorized
from werkzeug.routing import RequestRedirect

from ..actor import Actor, acting
from ..errors import BadSettings
from ..registry import JobParams
from . import payloads, requests
from .operation import CHANGES, OPEN, ROLES, NoArguments, Operation, body_of, state
from .requests import Query

__all__ = ["OPEN", "ROLES", "Authorize", "GuardedBlueprint", "Identity", "identity", "require"]

VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE")


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
    A blueprint whose every route states its role and its answer; one without does not register.

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
        answer: Any = None,
        query: type[Query] | None = NoArguments,
        body: type[JobParams] | None = None,
        errors: tuple[int, ...] = (),
        described: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        """
        Add a route.

        Args:
            role: Who may use it.
            answer: Model of the answer's `data`, or (status, model), or {status: model}; None for an empty body, a
                `Media` for what is no JSON.
            query: Model of the query's arguments, which the view gets as `query`; left out: there are none.
            body: Model of the JSON body, which the view gets as `body`; a change without one takes no fields.
            errors: Statuses beyond those that follow from the rest: 400, 401, 403, 404, 413, 415, 422, 503.
            described: More fields of `Operation`, such as `body_bytes`.

        Raises:
            BadSettings: The role or the answer is not stated.
        """
        where = f"{self.name}: the route {rule}"
        if view_func is None:
            raise BadSettings(f"{where} needs a view")
        operation = state(
            where, role=role, answer=answer, query=query, body=body, errors=errors, view=view_func, **(described or {})
        )
        endpoint = endpoint or view_func.__name__
        guarded = self._guarded.setdefault(endpoint, self._guard(view_func, operation))
        if guarded.vocaqueue_role != role:  # type: ignore[attr-defined]
            raise BadSettings(f"{self.name}: the routes of {endpoint} must state one and the same role")
        super().add_url_rule(rule, endpoint, guarded, provide_automatic_options=False, **options)

    def close_with_404(self) -> None:
        """Answer whatever else is under this prefix in JSON, for Flask's own 404 and 405 are the application's."""
        for name, view, role, methods in (
            ("nothing_here", _nothing_here, "viewer", VERBS),
            ("options", _options, OPEN, ("OPTIONS",)),
        ):
            for rule in ("/", "/<path:rest>"):
                self.add_url_rule(
                    rule, name, view, role=role, answer={}, query=None, methods=methods, strict_slashes=False
                )

    def _guard(
        self, view: Callable[..., ResponseReturnValue], operation: Operation
    ) -> Callable[..., ResponseReturnValue]:
        # Around the view itself, so that it holds under whatever name and inside whatever blueprint this is registered.
        @wraps(view)
        def guarded(**arguments: Any) -> ResponseReturnValue:
            request.max_content_length = operation.body_bytes
            if operation.role != OPEN:
                g.vocaqueue_identity = self.authorize(request)
                if g.vocaqueue_identity is None:
                    raise Unauthorized("Sign in first, or send “Authorization: Bearer KEY”.")
                require(operation.role)
            with acting(actor()):
                return view(**arguments, **_read(operation))

        guarded.vocaqueue_role = operation.role  # type: ignore[attr-defined]
        guarded.vocaqueue_operation = operation  # type: ignore[attr-defined]
        return guarded


def _read(operation: Operation) -> dict[str, Any]:
    """The query and the body, as the view takes them."""
    read: dict[str, Any] = {}
    if operation.query is not None:
        query = requests.arguments(operation.query)
        if operation.query is not NoArguments:
            read["query"] = query
    if operation.reads_body and operation.is_described and request.method in CHANGES:
        model = body_of(operation, request.method)
        assert model is not None
        body = requests.read(model)
        if operation.body is not None:
            read["body"] = body
    return read


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
    if allowed := _allowed_here():
        raise MethodNotAllowed(allowed, f"{request.method} is not possible here, only {', '.join(allowed)}.")
    raise NotFound("There is nothing at this address.")


def _options(rest: str = "") -> ResponseReturnValue:
    """What is possible at an address; anybody may ask, for the API is no secret."""
    if not (allowed := _allowed_here()):
        raise NotFound("There is nothing at this address.")
    return payloads.ok({"methods": allowed}, headers={"Allow": ", ".join(allowed)})


def _allowed_here() -> list[str]:
    """The methods that this address has a route for."""
    adapter = current_app.create_url_adapter(request)
    allowed = []
    for verb in VERBS if adapter else ():
        try:
            rule, _ = adapter.match(method=verb, return_rule=True)  # type: ignore[union-attr]
        except (NotFound, MethodNotAllowed, RequestRedirect):
            continue
        if rule.endpoint.rpartition(".")[2] != "nothing_here":
            allowed += [verb, "HEAD"] if verb == "GET" else [verb]
    return [*allowed, "OPTIONS"] if allowed else []


def _not_stored(response: Any) -> Any:
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    return response
