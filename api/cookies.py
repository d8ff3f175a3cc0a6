"""The session's cookie: signed, closed to scripts, and as narrow as the connection allows."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask, request
from flask.sessions import SecureCookieSessionInterface

SESSION_DAYS = 14


class _Sessions(SecureCookieSessionInterface):
    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure

    def get_cookie_name(self, app: Flask) -> str:
        # Over TLS no other host of the domain, and no page over plain http, can set a cookie of this name.
        name: str = app.config["SESSION_COOKIE_NAME"]
        return f"__Host-{name}" if request.is_secure else name


def set_up_cookies(app: Flask, secret: str, namespace: str) -> None:
    """One name per namespace, for a host's ports share their cookies."""
    app.secret_key = secret
    app.session_interface = _Sessions()
    app.config.update(
        SESSION_COOKIE_NAME=f"vocaqueue-{namespace}",
        SESSION_COOKIE_PATH="/",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=timedelta(days=SESSION_DAYS),
    )
