"""Where a request comes from: which site's page caused it, and which address sent it."""

from __future__ import annotations

import hmac
from ipaddress import IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from flask import Request
from werkzeug.exceptions import Forbidden

READS = frozenset({"GET", "HEAD", "OPTIONS"})
BODIES = frozenset({"application/json", "multipart/form-data"})
PORTS = {"http": 80, "https": 443}


def check_change(request: Request, token: str) -> None:
    """
    A changing call by cookie: from this site's own page in a form that no plain HTML form sends, or with the token.

    Raises:
        Forbidden: Another site may have caused it.
    """
    given = request.headers.get("X-CSRF-Token")
    if given is not None:
        if token and hmac.compare_digest(given.encode(errors="replace"), token.encode()):
            return
        raise Forbidden("The X-CSRF-Token is not that of this session; GET /me says it as csrfToken.")
    if not is_same_origin(request):
        raise Forbidden(
            "A change by session cookie must come from this site's own page, or carry the csrfToken of GET /me as "
            "X-CSRF-Token; programs use a key."
        )
    if request.mimetype not in BODIES:
        raise Forbidden("A change by session cookie needs a JSON or multipart body; send at least {} as JSON.")


def is_same_origin(request: Request) -> bool | None:
    """
    Whether a page of this very site caused the request; None: the browser does not say.

    The browser's word on it (Sec-Fetch-Site) goes before our own comparison, which is wrong behind a proxy whose TLS we
    do not know of.
    """
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if origin == "null":
        return False
    if site is not None:
        return site == "same-origin"
    return None if origin is None else _is_ours(origin, request)


def address_of(request: Request) -> str:
    """Who is counted as one: an IPv4 address, or the /64 of an IPv6 address, of which everybody has 2⁶⁴."""
    try:
        found = ip_address((request.remote_addr or "").partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or ip_network((found, 64), strict=False).network_address)
    return str(found)


def _is_ours(origin: str, request: Request) -> bool:
    try:
        theirs, ours = urlsplit(origin), urlsplit(f"{request.scheme}://{request.host}")
        return (theirs.scheme, theirs.hostname, theirs.port or PORTS.get(theirs.scheme)) == (
            ours.scheme, ours.hostname, ours.port or PORTS.get(ours.scheme)
        ) and not theirs.path  # fmt: skip
    except ValueError:
        return False
