"""Who makes a request: an admin key, or the session that a one-time link began."""

from __future__ import annotations

import hmac
from datetime import timedelta
from urllib.parse import urlsplit

from flask import Flask, Request, request, session
from flask.sessions import SecureCookieSessionInterface
from werkzeug.exceptions import Forbidden

from vocaqueue.admin import Identity
from vocaqueue.admin.guard import ROLES

SESSION_DAYS = 14
READS = frozenset({"GET", "HEAD", "OPTIONS"})
BODIES = frozenset({"application/json", "multipart/form-data"})


class _Sessions(SecureCookieSessionInterface):
    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure


def set_up_sessions(app: Flask, secret: str, namespace: str) -> None:
    """Signed cookies that scripts cannot read; one name per namespace, for a host's ports share their cookies."""
    app.secret_key = secret
    app.session_interface = _Sessions()
    app.config.update(
        SESSION_COOKIE_NAME=f"vocaqueue-{namespace}",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=timedelta(days=SESSION_DAYS),
    )


class Gate:
    """The `authorize` of this service."""

    def __init__(self, admin_key: str, namespace: str) -> None:
        self._key = admin_key.encode()
        self._namespace = namespace

    def __call__(self, request: Request) -> Identity | None:
        """Raises Forbidden for a changing call by cookie that another site may have caused."""
        if "Authorization" in request.headers:  # whoever shows a key means the key
            return self._by_key(request.headers["Authorization"])
        found = self.signed_in()
        if found and request.method not in READS:
            _same_origin(request)
        return found

    def sign_in(self, role: str) -> None:
        session.clear()
        session.permanent = True
        session.update(id="admin", name="Admin", role=role, namespace=self._namespace)

    def signed_in(self) -> Identity | None:
        """Whoever the session is of."""
        role = session.get("role")
        if role not in ROLES or session.get("namespace") != self._namespace:
            return None
        return Identity(str(session.get("id")), str(session.get("name")), role)

    def _by_key(self, header: str) -> Identity | None:
        scheme, _, key = header.partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(key.strip().encode(errors="replace"), self._key):
            return None
        return Identity("admin-key", "Admin key", "admin")


def _same_origin(request: Request) -> None:
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    same = site == "same-origin" if site else bool(origin) and urlsplit(origin).netloc == request.host
    if not same:
        raise Forbidden("A change by session cookie must come from this site's own page; programs use a key.")
    if request.mimetype not in BODIES:
        raise Forbidden("A change by session cookie needs a JSON or multipart body; send at least {} as JSON.")
