"""A host's `authorize` that is wrong lets nobody in, and open streams end with what let them in."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask, Response, g, redirect
from werkzeug.exceptions import Forbidden, HTTPException, Unauthorized

from tests.admin.conftest import BASE, Client, Events
from tests.toys import Toy
from vocaqueue import KeyRefused, QueueManager, StoreUnavailable
from vocaqueue.admin import Identity, create_admin_blueprint, watch
from vocaqueue.admin.watch import AccessEnded
from vocaqueue.engine.audit import AuditPass


@pytest.fixture
def host(queue: QueueManager) -> Iterator[Callable[..., Client]]:
    """A host application with the given `authorize`."""
    made = []

    def make(authorize: Any, set_up: Callable[[Flask], None] = lambda _: None, **options: Any) -> Client:
        app = Flask("host")
        set_up(app)
        made.append(create_admin_blueprint(queue, authorize=authorize, **options))
        app.register_blueprint(made[-1], url_prefix=BASE)
        return Client(app, None)

    yield make
    for blueprint in made:
        blueprint.close()


async def is_async(_request: Any) -> Identity:
    return Identity("a", "A", "admin")


@pytest.mark.parametrize(
    "answer",
    [
        *(True, "admin", 1, {"role": "admin"}, ("a", "A", "admin"), object()),
        *(Identity("a", "A", "root"), Identity("a", "A", None)),
    ],
)
def test_nonsense_is_no_access(host, caplog, answer):
    """
    What is no Identity with a known role is a 500 in JSON whose line in the log says what is expected.
    """
    client = host(lambda _request: answer)
    for path in ("/stats", "/events", "/nothing"):
        refused = client.get(path)
        assert (refused.status_code, refused.json["error"]["code"]) == (500, "internal_error")
    assert "must return None, or a vocaqueue.admin.Identity whose role is viewer, operator, admin" in caplog.text


@pytest.mark.filterwarnings("ignore:coroutine")
def test_an_async_check_is_no_access(host, caplog):
    """
    A coroutine is true, and is not let in for that.
    """
    assert host(is_async).get("/stats").status_code == 500
    assert "authorize returned <coroutine" in caplog.text


def test_none_is_nobody(host):
    """
    Only None says that nobody is signed in; other empty values are a mistake, and no access either.
    """
    assert host(lambda _request: None).get("/stats").status_code == 401
    for mistake in (False, "", 0, ()):
        assert host(lambda _request, mistake=mistake: mistake).get("/stats").status_code == 500


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (RuntimeError("the host's database, with its password"), 500, "internal_error"),
        (Forbidden("Not from there."), 403, "not_allowed"),
        (Unauthorized("Your licence has ended."), 401, "no_identity"),
        (StoreUnavailable("away"), 503, "store_unavailable"),
        (KeyRefused("revoked", "It was revoked."), 401, "no_identity"),
    ],
)
def test_an_error_is_no_access(host, error, status, code):
    """
    It is JSON; the sentence of what the host raised on purpose is passed on, any other stays in the log.
    """

    def authorize(_request: Any) -> Identity:
        raise error

    answer = host(authorize).get("/stats")
    assert (answer.status_code, answer.json["error"]["code"]) == (status, code)
    assert "password" not in answer.text
    if isinstance(error, HTTPException):
        assert answer.json["error"]["message"] == error.description


def test_a_host_leads_to_its_own_sign_in(host):
    """
    With `login` among the links a browser is led there from the page, and only from the page.
    """
    client = host(lambda _request: None, links={"login": "/accounts/login?site=1"})
    led = client.get("/ui/?x=1")
    assert led.status_code == 303
    assert led.headers["Location"] == "/accounts/login?site=1&next=%2Fqueue%2Fui%2F%3Fx%3D1"
    assert client.get("/stats", headers={"Accept": "text/html"}).status_code == 401
    assert host(lambda _request: None).get("/ui/").status_code == 200


# Open streams


class Doorman:
    """An `authorize` whose mind can be changed; it goes by what the host's own hook found."""

    def __init__(self) -> None:
        self.answer: Any = Identity("a", "A", "viewer")
        self.asked = 0

    def set_up(self, app: Flask) -> None:
        @app.before_request
        def load() -> None:
            g.user = self.answer

    def __call__(self, _request: Any) -> Identity | None:
        self.asked += 1
        if isinstance(g.user, Exception):
            raise g.user
        return g.user


@pytest.fixture
def doorman() -> Doorman:
    return Doorman()


@pytest.fixture
def stream(host: Callable[..., Client], doorman: Doorman, monkeypatch: pytest.MonkeyPatch) -> Iterator[Events]:
    monkeypatch.setattr(watch, "LOOK_EVERY_S", 0.2)
    made = host(doorman, doorman.set_up).events()
    made.named("queue-stats")
    yield made
    made.close()


def read_on(stream: Events, is_enough: Callable[[], bool], timeout_s: float = 10.0) -> bool:
    """Read until it is enough; answers whether the stream went on for so long."""
    end = time.monotonic() + timeout_s
    try:
        while not is_enough():
            assert time.monotonic() < end
            stream._next()
        return True
    except StopIteration:
        return False


@pytest.mark.parametrize(
    "answer",
    [
        *(None, Forbidden(), Unauthorized(), RuntimeError("broken"), KeyRefused("revoked", "It was revoked.")),
        *(Identity("b", "B", "admin"), Identity("a", "A", "root"), True),
    ],
)
def test_a_stream_ends_with_what_let_it_in(stream, doorman, answer):
    """
    Signed out, refused, somebody else, a broken check: within a moment nothing more comes, also while nothing happens.
    """
    doorman.answer = answer
    assert not read_on(stream, lambda: False)


@pytest.mark.parametrize("answer", [Identity("a", "A", "admin"), StoreUnavailable("away")])
def test_a_stream_goes_on_while_it_may(stream, doorman, answer):
    """
    Asked again and again it goes on; so it does while nobody can know, because the store is away.
    """
    before = doorman.asked
    doorman.answer = answer
    assert read_on(stream, lambda: doorman.asked >= before + 3)


def test_a_stream_that_was_never_read_is_left_alone(host, doorman):
    """
    Closing it at once frees its place in the hub.
    """
    client = host(doorman, doorman.set_up)
    answer = client.get("/events")
    answer.close()
    blueprint = client.app.blueprints["vocaqueue"]
    assert blueprint.hub.clients == 0


def test_a_download_breaks_off_rather_than_looking_whole(monkeypatch):
    """
    A list whose reader loses access in the middle ends with an error, not with an end.
    """
    monkeypatch.setattr(watch, "LOOK_EVERY_S", 0.0)
    allowed = [True, False]
    answer = watch.watched(Response(iter(["a", "b", "c"]), mimetype="text/csv"), lambda: allowed.pop(0))
    parts = iter(answer.response)
    assert next(parts) == "a"
    with pytest.raises(AccessEnded):
        next(parts)


def test_a_download_breaks_off_when_its_reader_has_a_lower_role(host, doorman, queue, monkeypatch):
    """
    An admin's file is not for the operator whom its reader became while it was sent.
    """
    monkeypatch.setattr(watch, "LOOK_EVERY_S", 0.0)
    queue.add(Toy(ids=["a"]))
    AuditPass(queue.ledger, queue.audit.log)()
    doorman.answer = Identity("a", "A", "admin")
    client = host(doorman, doorman.set_up)
    assert b"job.submit" in client.get("/audit?format=csv").data
    answer = client.get("/audit?format=csv")
    doorman.answer = Identity("a", "A", "operator")
    with pytest.raises(AccessEnded):
        b"".join(answer.response)


def test_a_host_that_redirects_in_its_hook_ends_the_stream(host, monkeypatch):
    """
    A hook of the host's that answers in place of the view counts as a no.
    """
    monkeypatch.setattr(watch, "LOOK_EVERY_S", 0.2)
    state = {"out": False}

    def set_up(app: Flask) -> None:
        @app.before_request
        def load() -> Any:
            return redirect("/login") if state["out"] else None

    stream = host(lambda _request: Identity("a", "A", "viewer"), set_up).events()
    stream.named("queue-stats")
    state["out"] = True
    assert not read_on(stream, lambda: False)
