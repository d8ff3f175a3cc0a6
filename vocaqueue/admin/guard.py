"""Who may do what, and what is taken and answered: one mechanism for every route, closed by default."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Flask, Request, current_app, g, redirect, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import Forbidden, HTTPException, MethodNotAllowed, NotFound, Unauthorized
from werkzeug.routing import RequestRedirect

from ..actor import Actor, acting
from ..api_key import ROLES, ApiKey
from ..errors import BadSettings, KeyRefused
from ..registry import JobParams
from . import payloads, requests
from .headers import secure
from .operation import CHANGES, OPEN, NoArguments, Operation, body_of, state
from .requests import Query
from .watch import watched

__all__ = ["OPEN", "ROLES", "Authorize", "GuardedBlueprint", "Identity", "identity", "require"]

log = logging.getLogger(__name__)

VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE")


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody whom the host knows."""

    id: str
    name: str
    role: str  #: viewer, operator or admin
    via: str = "host"  #: how we know: key, session, or the host's own way
    expires_at_ms: int | None = None  #: since the epoch; when this way in ends by itself
    #: What a change by cookie may carry as X-CSRF-Token, where the host has such.
    csrf_token: str | None = field(default=None, repr=False)

    @classmethod
    def of_key(cls, key: ApiKey) -> Identity:
        """Whoever holds an API key, as `queue.keys.verify` found it."""
        return cls(f"key:{key.id}", key.name, key.role, via="key", expires_at_ms=key.expires_at_ms)


#: The host's check: None means that nobody is signed in. It may raise werkzeug's `Forbidden` or `Unauthorized` with a
#: sentence, and what `queue.keys.verify` raises. It is asked again while a stream or a download is open.
Authorize = Callable[[Request], Identity | None]


class Nonsense(TypeError):
    """The host's `authorize` is wrong: a 500 with a line in the log, and no access."""


class GuardedBlueprint(Blueprint):
    """
    A blueprint whose every route states its role and its answer; one without does not register.

    Args:
        authorize: Says who asks. There is no default.

    All its errors are JSON.
    """

    on_forbidden: Callable[[], None] | None = None  #: called where a change is refused to somebody who is known

    def __init__(self, name: str, import_name: str, *, authorize: Authorize, **options: Any) -> None:
        if not callable(authorize):
            raise BadSettings("authorize must be a function that takes the request and returns an Identity or None")
        super().__init__(name, import_name, **options)
        self.authorize = authorize
        self.login: str | None = None  #: where somebody signs in; it gets the way back as `next`
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

    def identify(self) -> Identity:
        """
        Who makes this request.

        Raises:
            Unauthorized: Nobody we know.
            Nonsense: `authorize` answered neither an Identity nor None; nobody gets in by that.
        """
        try:
            found = self.authorize(request)
        except KeyRefused as error:
            raise Unauthorized(error.message) from None
        if found is None:
            raise Unauthorized("Sign in first, or send “Authorization: Bearer KEY”.")
        if not isinstance(found, Identity) or found.role not in ROLES:
            raise Nonsense(
                f"authorize returned {found!r}; it must return None, or a vocaqueue.admin.Identity whose role is "
                f"{', '.join(ROLES)}"
            )
        return found

    def to_login(self) -> ResponseReturnValue:
        """Lead a browser to the sign-in page, and from there back to here."""
        assert self.login
        back = request.script_root + (request.full_path if request.query_string else request.path)
        return redirect(f"{self.login}{'&' if '?' in self.login else '?'}{urlencode({'next': back})}", 303)

    def _may_go_on(self, role: str) -> Callable[[], bool]:
        """A function that says later, outside of the request, whether its sender would still be let in."""
        app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
        environ, before = dict(request.environ), identity()
        environ.pop("werkzeug.debug.preserve_context", None)

        def may_go_on() -> bool:
            with app.request_context(environ):
                try:
                    # The host's `before_request` functions may be what its `authorize` goes by.
                    if app.preprocess_request() is not None:
                        return False
                    found = self.identify()
                except HTTPException:
                    return False
                return found.id == before.id and ROLES.index(found.role) >= ROLES.index(role)

        return may_go_on

    def _guard(
        self, view: Callable[..., ResponseReturnValue], operation: Operation
    ) -> Callable[..., ResponseReturnValue]:
        # Around the view itself, so that it holds under whatever name and inside whatever blueprint this is registered.
        @wraps(view)
        def guarded(**arguments: Any) -> ResponseReturnValue:
            request.max_content_length = operation.body_bytes
            if operation.role == OPEN:
                with acting(actor()):
                    return view(**arguments, **_read(operation))
            try:
                g.vocaqueue_identity = self.identify()
            except Unauthorized:
                if operation.is_page and self.login:
                    return self.to_login()
                raise
            with acting(actor()):
                try:
                    require(operation.role)
                    answer = view(**arguments, **_read(operation))
                except Forbidden:
                    self._forbidden()
                    raise
            return watched(answer, self._may_go_on(operation.role))

        guarded.vocaqueue_role = operation.role  # type: ignore[attr-defined]
        guarded.vocaqueue_operation = operation  # type: ignore[attr-defined]
        return guarded

    def _forbidden(self) -> None:
        """Somebody known wanted to change what they may not; whoever keeps a log is told."""
        if request.method in CHANGES and self.on_forbidden is not None:
            try:
                self.on_forbidden()
            except Exception as error:  # the answer is no all the same
                log.warning("a refused request could not be noted: %s", error)


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


def may(role: str) -> bool:
    """Whether the identity of this request has this role or a higher one."""
    return ROLES.index(identity().role) >= ROLES.index(role)


def require(role: str) -> None:
    """Raises Forbidden when the identity of this request has a lower role."""
    if not may(role):
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
    """The methods that this address has a route for: /jobs/export is no job, though /jobs/<id> fits it too."""
    adapter = current_app.create_url_adapter(request)
    found: dict[str, int] = {}  # verb -> variables in its route
    for verb in VERBS if adapter else ():
        try:
            rule, _ = adapter.match(method=verb, return_rule=True)  # type: ignore[union-attr]
        except (NotFound, MethodNotAllowed, RequestRedirect):
            continue
        operation = getattr(current_app.view_functions[rule.endpoint], "vocaqueue_operation", None)
        if operation is None or operation.is_described:
            found[verb] = len(rule.arguments)
    allowed = [verb for verb, variables in found.items() if variables == min(found.values())]
    if "GET" in allowed:
        allowed.insert(allowed.index("GET") + 1, "HEAD")
    return [*allowed, "OPTIONS"] if allowed else []


def _not_stored(response: Any) -> Any:
    response.headers.setdefault("Cache-Control", "no-store")
    return secure(response)
