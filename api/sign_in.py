"""Sign in with a key or by the one-time link of `make start`; sign out."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Callable
from functools import wraps
from pathlib import Path

from flask import Blueprint, Response, redirect, render_template, request, send_from_directory, session, url_for
from flask.typing import ResponseReturnValue
from pydantic import ConfigDict, Field
from werkzeug.exceptions import NotFound

from vocaqueue import ArchiveUnavailable, JobParams, KeyRefused, QueueManager, StoreUnavailable
from vocaqueue.admin.answers import Answer, media
from vocaqueue.admin.guard import GuardedBlueprint
from vocaqueue.admin.payloads import CODES, RETRY_AFTER_S, failure, ok
from vocaqueue.store.attempts import Bucket

from .identity import Gate
from .origin import address_of, is_same_origin
from .sign_in_text import LANGUAGES, TEXTS

STATIC = Path(__file__).parent / "static"
BODY_BYTES = 10_000
LONGEST_KEY = 1000
#: Wrong keys and links: of one address, and of all. Who is right gets the try back.
ONES_TRIES = Bucket("sign-in", 10, 30.0)
ALL_TRIES = Bucket("sign-in-all", 300, 1.0)


class SignedOut(Answer):
    signed_out: bool


class KeyForm(JobParams):
    """What the sign-in page sends."""

    model_config = ConfigDict(extra="ignore")
    key: str = Field(description="The admin key or an API key.", max_length=LONGEST_KEY)
    form: str = Field("", description="As the page has it; needed where a browser does not say from where it sends.")


def create_blueprint(queue: QueueManager, gate: Gate, ui: str) -> Blueprint:
    """`/login` and `/logout`. `ui` is the dashboard's address."""
    blueprint = GuardedBlueprint("sign_in", __name__, authorize=gate, template_folder="templates")
    page = _Page(ui)

    seen = media("text/html")
    said = media("text/html", "application/json")
    refused = {303: None, 401: said, 403: said, 429: said, 503: said}

    @blueprint.get("/", role="open", query=None, answer={303: None})
    def home() -> ResponseReturnValue:
        """The way to the dashboard."""
        return redirect(ui, 303)

    @blueprint.get("/login", role="open", query=None, answer={200: seen} | refused)
    @page.tells
    def login() -> ResponseReturnValue:
        """The form for a key; with `token`, sign in by the one-time link. `next` is where to go on, `lang` en or ko."""
        if request.method == "HEAD":  # a program that looks at links must not use this one up
            return Response()
        token = request.args.get("token")
        if token is not None:
            _by_link(queue, gate, token)
        elif not _is_signed_in(gate):
            return page.show(200)
        return _on_our_way()

    taken = {"reads_body": False, "form": KeyForm}

    @blueprint.post("/login", role="open", query=None, answer=refused, errors=(413,), described=taken)
    @page.tells
    def use_key() -> ResponseReturnValue:
        """Sign in with the form's `key`."""
        request.max_content_length = BODY_BYTES
        if not _is_from_our_form():
            raise _Notice(403, "elsewhere")
        _by_key(gate, request.form.get("key", "")[:LONGEST_KEY].strip())
        return _on_our_way()

    @blueprint.get("/login/<name>", role="open", query=None, answer=media("text/css"))
    def login_file(name: str) -> Response:
        """What the sign-in page is drawn with."""
        if "\0" in name:  # which the file system would not even be asked about
            raise NotFound()
        response = send_from_directory(STATIC, name, max_age=0)
        response.headers["Cache-Control"] = "no-cache"
        return response

    @blueprint.post("/logout", role="viewer", answer=SignedOut)
    def logout() -> Response:
        """End the session, on every copy of its cookie."""
        gate.sign_out()
        return ok({"signedOut": True})

    return blueprint


class _Notice(Exception):
    """What the page says above the form."""

    def __init__(self, status: int, notice: str, wait_s: int = RETRY_AFTER_S) -> None:
        super().__init__(notice)
        self.status, self.notice, self.wait_s = status, notice, wait_s


def _by_link(queue: QueueManager, gate: Gate, token: str) -> None:
    """Who is signed in already just goes on, also by a link that was used."""
    _take_a_try(gate)
    if role := queue.redeem_login(token):
        try:
            gate.attempts.give_back(_tries())
            gate.sign_in_by_link(role)
        except StoreUnavailable:  # just now; the link is used up, so the page must not say that it is not
            raise _Notice(503, "store_away") from None
    elif not _is_signed_in(gate):
        gate.refused("used_link")
        raise _Notice(401, "used_link")


def _by_key(gate: Gate, text: str) -> None:
    _take_a_try(gate)
    try:
        entry = gate.enter(text)
    except KeyRefused as error:
        gate.refused(error.reason)
        raise _Notice(401, error.reason) from None
    except ArchiveUnavailable:
        gate.attempts.give_back(_tries())
        raise
    gate.attempts.give_back(_tries())
    gate.sign_in(entry)


def _take_a_try(gate: Gate) -> None:
    if wait_s := gate.attempts.take(_tries()):
        raise _Notice(429, "too_many", wait_s)


class _Page:
    """The form, with what went wrong above it; a program that sends or wants JSON is told in JSON."""

    def __init__(self, ui: str) -> None:
        self._ui = ui

    def tells(self, view: Callable[[], ResponseReturnValue]) -> Callable[[], ResponseReturnValue]:
        """`view`, whose errors people read on the page."""

        @wraps(view)
        def told() -> ResponseReturnValue:
            try:
                return view()
            except _Notice as said:
                return self._say(said.status, said.notice, said.wait_s)
            except StoreUnavailable:
                return self._say(503, "store_away_link" if "token" in request.args else "store_away")
            except ArchiveUnavailable:
                return self._say(503, "keys_away")

        return told

    def _say(self, status: int, notice: str, wait_s: int = RETRY_AFTER_S) -> Response:
        if not _is_for_a_program():
            return self.show(status, notice, wait_s=wait_s)
        message = TEXTS["en"].notices[notice].format(seconds=wait_s)
        headers = {"Retry-After": str(wait_s)} if status == 429 else {}
        return failure(status, CODES[status], message, headers=headers)

    def show(self, status: int, notice: str | None = None, *, wait_s: int = RETRY_AFTER_S) -> Response:
        language = _language()
        other = next(name for name in LANGUAGES if name != language)
        if "form" not in session:
            session["form"] = secrets.token_urlsafe(16)
        back = {"next": request.args["next"]} if _path_of_ours(request.args.get("next")) else {}
        text = TEXTS[language]
        html = render_template(
            "sign_in.html",
            text=text,
            language=language,
            other=other,
            other_name=LANGUAGES[other],
            other_url=url_for("sign_in.login", lang=other, **back),
            form_token=session["form"],
            notice=text.notices[notice].format(seconds=wait_s) if notice else None,
            is_key_wrong=notice in {"incomplete", "mistyped", "unknown", "revoked", "expired"},
            ui=self._ui,
        )
        response = Response(html, status, mimetype="text/html")
        response.content_language.add(language)
        response.vary.update({"Accept-Language", "Cookie"})
        if status in {429, 503}:
            response.headers["Retry-After"] = str(wait_s)
        return response


def _on_our_way() -> ResponseReturnValue:
    return redirect(_path_of_ours(request.args.get("next")) or url_for("sign_in.home"), 303)


def _path_of_ours(given: str | None) -> str | None:
    """
    A path of this site, or None: whoever makes up a link to the sign-in page must not choose where it ends.

    Browsers take `//host` and `/\\host` for another site, and drop tabs and line ends before they look.
    """
    if given is None or not re.fullmatch(r"/(?![/\\])[^\\\x00-\x20\x7f]*", given):
        return None
    return None if re.match(r"/(login|logout)(?![^/?#])", given) else given


def _is_for_a_program() -> bool:
    return (
        request.is_json or request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json"
    )


def _is_signed_in(gate: Gate) -> bool:
    try:
        return gate.signed_in() is not None
    except KeyRefused:
        return False


def _is_from_our_form() -> bool:
    """The browser says that it is; where it says nothing, the form has what this browser was given with it."""
    same = is_same_origin(request)
    if same is not None:
        return same
    mine = session.get("form")
    return isinstance(mine, str) and hmac.compare_digest(request.form.get("form", "").encode(), mine.encode())


def _tries() -> list[tuple[Bucket, str]]:
    return [(ONES_TRIES, address_of(request)), (ALL_TRIES, "everybody")]


def _language() -> str:
    asked = request.args.get("lang")
    return asked if asked in LANGUAGES else request.accept_languages.best_match(list(LANGUAGES), "en")
