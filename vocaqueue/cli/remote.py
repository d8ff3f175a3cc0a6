"""The one HTTP client: calls to another machine's system, with its key, and its errors as ours."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import quote, urlsplit

from dotenv import dotenv_values

from ..errors import BadRequest, BadSettings, Detail, NotSupported, StoreUnavailable, VocaqueueError

BASE = "/api/admin/queue"  #: where a URL without a path leads
TIMEOUT_S = 30.0
WRONG_USE = frozenset({400, 413, 415, 422})


class RemoteError(VocaqueueError):
    """What the other system refused; `code` and the sentence are its own."""

    def __init__(self, code: str, message: str, details: list[Detail]) -> None:
        super().__init__(message, details)
        self.code = code


class RemoteBadRequest(RemoteError, BadRequest):
    """… because of what was asked."""


class Remote:
    """
    Args:
        url: Of the other system; without a path the API is looked for below `BASE`.
        key: Sent as a bearer.

    Raises:
        BadSettings: The URL or the key makes no sense.
        NotSupported: The HTTP library is not there.
    """

    def __init__(self, url: str, key: str | None) -> None:
        try:
            import requests
        except ModuleNotFoundError:
            raise NotSupported(
                "VOCAQUEUE_URL needs a package that is not installed: `pip install 'vocaqueue[remote]'`."
            ) from None
        parts = urlsplit(url)
        if "@" in parts.netloc:  # it would stand in every message, and is sent to nobody
            raise BadSettings("VOCAQUEUE_URL has a user or a password in it; VOCAQUEUE_KEY says who you are.")
        if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.fragment:
            raise BadSettings(f"VOCAQUEUE_URL={url!r} is no address; write it like https://queue.example.com{BASE}")
        if not key:
            raise BadSettings("VOCAQUEUE_KEY is not set: give a key of the system at VOCAQUEUE_URL.")
        if not key.isascii() or not key.isprintable():
            raise BadSettings("VOCAQUEUE_KEY is no key: it has characters that no header may have.")
        self.url = url.rstrip("/") + ("" if parts.path.strip("/") else BASE)
        self._requests, self._session = requests, requests.Session()
        self._key = key
        self._session.auth = self._sign  # as a header of its own a line of ~/.netrc would take its place

    def call(
        self,
        method: str,
        *path: str,
        query: dict[str, Any] | None = None,
        body: Any = None,
        headers: dict[str, str] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> tuple[int, Any]:
        """
        (status, `data`) of an answer.

        Args:
            path: Its parts, as they are: "jobs", a job's id.

        Raises:
            StoreUnavailable: Nobody answers there, or its job store is away; it may be tried again.
            RemoteError: It refuses.
        """
        where = "/".join([self.url, *(quote(part, safe="") for part in path)])
        try:
            answer = self._session.request(
                method, where, params=query, json=body, headers=headers, timeout=timeout_s, allow_redirects=False
            )
        except self._requests.RequestException as error:
            raise Unreachable(self.url, type(error).__name__) from None
        try:
            said = answer.json()
            if said["success"]:
                return answer.status_code, said["data"]
            wrong = said["error"]
            code, message = str(wrong["code"]), str(wrong["message"])
            details = [Detail(d["field"], d["code"], d["message"]) for d in wrong.get("details", [])]
        except (ValueError, TypeError, KeyError):
            raise RemoteError(
                "not_vocaqueue",
                f"{where} answered {answer.status_code}, and not as vocaqueue does; is VOCAQUEUE_URL right?",
                [],
            ) from None
        if answer.status_code in {502, 503, 504}:
            raise Unready(self.url, message)
        kind = RemoteBadRequest if answer.status_code in WRONG_USE or code == "unknown_type" else RemoteError
        raise kind(code, message, details)

    def _sign(self, request: Any) -> Any:
        request.headers["Authorization"] = f"Bearer {self._key}"
        return request


class Unreachable(StoreUnavailable):
    """The other system, or its job store, does not answer."""

    def __init__(self, url: str, reason: str) -> None:
        VocaqueueError.__init__(self, f"{url} does not answer: {reason.rstrip('.')}. Try again in a few seconds.")


class Unready(Unreachable):
    """The other system answers that it cannot for now, and why."""

    def __init__(self, url: str, said: str) -> None:
        VocaqueueError.__init__(self, f"{url} says: {said}")


def remote_from_env() -> Remote | None:
    """The system of VOCAQUEUE_URL and VOCAQUEUE_KEY, which a `.env` may name too; None: this machine's."""
    url = remote_address()
    return Remote(url, _environment().get("VOCAQUEUE_KEY")) if url else None


def remote_address() -> str | None:
    """VOCAQUEUE_URL as it is set; None: the commands are for this machine's system."""
    return _environment().get("VOCAQUEUE_URL") or None


def _environment() -> dict[str, str | None]:
    return {**dotenv_values(".env"), **os.environ}
