"""Sign in by the one-time link of `make start`, sign out."""

from __future__ import annotations

from html import escape

from flask import Blueprint, Response, redirect, request, session, url_for
from flask.typing import ResponseReturnValue

from vocaqueue import QueueManager, StoreUnavailable
from vocaqueue.admin.answers import Answer, media
from vocaqueue.admin.guard import GuardedBlueprint
from vocaqueue.admin.payloads import RETRY_AFTER_S, ok
from vocaqueue.admin.requests import Query

from .identity import Gate

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>vocaqueue</title>
<link rel="icon" href="{base}icon.svg">
<link rel="stylesheet" href="{base}app.css">
<main class="notice">
<h1>{title}</h1>
<p>{english}</p>
<p lang="ko">{korean}</p>
</main>
</html>
"""


class LoginQuery(Query):
    token: str = ""


class SignedOut(Answer):
    signed_out: bool


def create_blueprint(queue: QueueManager, gate: Gate, ui: str) -> Blueprint:
    """`/login` and `/logout`. `ui` is the dashboard's address."""
    blueprint = GuardedBlueprint("sign_in", __name__, authorize=gate)

    page = media("text/html")

    @blueprint.get("/login", role="open", query=LoginQuery, answer={303: None, 401: page, 503: page})
    def login(query: LoginQuery) -> ResponseReturnValue:
        """Sign in by the one-time link."""
        token = query.token
        if request.method == "HEAD":  # a program that looks at links must not use this one up
            return Response()
        try:
            role = queue.redeem_login(token) if token else None
        except StoreUnavailable:
            return _page(
                503,
                "The job store is away",
                "It does not answer, so nobody can sign in. Your link was not used; open it again in a few seconds.",
                "작업 저장소가 응답하지 않아 로그인할 수 없습니다. 잠시 후 같은 링크를 다시 열어 주세요.",
                ui,
            )
        if role:
            gate.sign_in(role)
        elif gate.signed_in() is None:
            return _page(
                401,
                "This link does not sign you in",
                "A sign-in link works once, for twelve hours. Stop vocaqueue and start it again: "
                "`make start` prints a new link.",
                "로그인 링크는 12시간 안에 한 번만 쓸 수 있습니다. vocaqueue를 다시 시작하면 "
                "`make start`가 새 링크를 출력합니다.",
                ui,
            )
        return redirect(url_for("home"), 303)

    @blueprint.post("/logout", role="viewer", answer=SignedOut)
    def logout() -> Response:
        """End the session."""
        session.clear()
        return ok({"signedOut": True})

    return blueprint


def _page(status: int, title: str, english: str, korean: str, ui: str) -> Response:
    text = PAGE.format(title=escape(title), english=_code(english), korean=_code(korean), base=escape(ui))
    response = Response(text, status, mimetype="text/html")
    if status == 503:
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response


def _code(text: str) -> str:
    """`make start` as code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))
