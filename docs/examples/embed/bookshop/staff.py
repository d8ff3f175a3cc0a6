"""Who works at the shop: the shop's own sign-in, session and posts, and what those may do with the queues."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from flask import Blueprint, Request, abort, redirect, render_template_string, request, session, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import Forbidden
from werkzeug.security import check_password_hash

from vocaqueue import QueueManager
from vocaqueue.admin import Identity

from .database import connection

#: The shop's posts, as vocaqueue's roles.
ROLES = {"clerk": "viewer", "manager": "operator", "owner": "admin"}
READS = frozenset({"GET", "HEAD", "OPTIONS"})
FORM = """<!doctype html><title>Lantern Books</title><h1>Sign in</h1>
<form method="post"><input name="login"><input name="password" type="password">
<input type="hidden" name="token" value="{{ token }}"><button>Sign in</button></form>"""

blueprint = Blueprint("staff", __name__)


@dataclass(frozen=True)
class Person:
    login: str
    name: str

    def post_at(self, branch: str) -> str | None:
        with connection() as db:
            found = db.execute("SELECT post FROM posts WHERE login = ? AND branch = ?", (self.login, branch)).fetchone()
        return found["post"] if found else None


def signed_in() -> Person | None:
    """Whoever the shop's session is of."""
    with connection() as db:
        found = db.execute("SELECT * FROM staff WHERE login = ?", (session.get("login"),)).fetchone()
    return Person(found["login"], found["name"]) if found else None


def of(branch: str, queue: QueueManager) -> Callable[[Request], Identity | None]:
    """The `authorize` of a branch's queue: programs by an API key of that queue, people by the shop's session."""

    def who(request: Request) -> Identity | None:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return Identity.of_key(queue.keys.verify(key.strip()))  # raises what becomes a 401 with the reason
        person = signed_in()
        if person is None:
            return None  # 401
        post = person.post_at(branch)
        if post is None:
            raise Forbidden(f"{person.name} does not work at {branch}.")
        if request.method not in READS:
            refuse_other_sites(request)
        return Identity(person.login, person.name, ROLES[post])

    return who


def refuse_other_sites(request: Request) -> None:
    """
    The session's cookie comes along when another site's page causes a call, and vocaqueue cannot know that this is how
    the shop recognises people. Browsers say where a call comes from; the dashboard's calls come from this very origin.
    """
    site = request.headers.get("Sec-Fetch-Site")
    same = site == "same-origin" if site else request.headers.get("Origin") == request.host_url.rstrip("/")
    if not same:
        raise Forbidden("A change must come from one of the shop's own pages.")


def form_token() -> str:
    """For the shop's own forms."""
    return session.setdefault("token", secrets.token_hex(16))


@blueprint.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> ResponseReturnValue:
    if request.method == "GET":
        return render_template_string(FORM, token=form_token())
    if not hmac.compare_digest(request.form.get("token", ""), session.get("token", "-")):
        abort(400, "The form is too old; load it again.")
    with connection() as db:
        found = db.execute("SELECT * FROM staff WHERE login = ?", (request.form.get("login"),)).fetchone()
    if not found or not check_password_hash(found["password"], request.form.get("password", "")):
        abort(403, "Login and password do not belong together.")
    session.clear()
    session["login"] = found["login"]
    back = request.args.get("next", "")  # the dashboard sends people here; only addresses of the shop are followed
    return redirect(back if re.match(r"/(?![/\\])", back) else url_for("pages.home"), 303)


@blueprint.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    session.clear()
    return redirect(url_for("pages.home"), 303)
