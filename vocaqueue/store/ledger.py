"""
The ledger's steps as Python calls.

Each is one Lua script that can be repeated: after a lost reply the same call changes nothing and gets the first answer.
So a step that meets a connection error is sent again for as long as the caller has patience.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import redis
from redis.exceptions import BusyLoadingError, NoScriptError, OutOfMemoryError, ReadOnlyError, ResponseError
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_exponential_jitter

from ..errors import AuditFull, StoreUnavailable
from ..settings import Settings
from . import scripts
from .acts import audit_of
from .client import make_client
from .keys import Keys

log = logging.getLogger(__name__)

#: What passes by itself: the server is away, loads its data, is a replica for the moment, or is full.
PASSING = (redis.ConnectionError, redis.TimeoutError, BusyLoadingError, ReadOnlyError, OutOfMemoryError)
#: The same, said in words only: a full disk, too few replicas, a script that holds it up, an incomplete cluster.
PASSING_WORDS = ("MISCONF", "NOREPLICAS", "MASTERDOWN", "BUSY", "TRYAGAIN", "CLUSTERDOWN")


def is_passing(error: BaseException) -> bool:
    """Whether the same command may succeed a little later."""
    return isinstance(error, PASSING) or (isinstance(error, ResponseError) and str(error).startswith(PASSING_WORDS))


@dataclass(frozen=True, slots=True)
class Ticket:
    """A job's place in the line of its type's queue: what a Celery message carries."""

    job_id: str
    number: int
    type: str
    priority: int

    @property
    def task_id(self) -> str:
        return self.job_id if self.number == 1 else f"{self.job_id}/{self.number}"


@dataclass(slots=True)
class Answer:
    """What a step said. `tickets` must be sent by whoever made the step."""

    state: str
    data: dict[str, Any]
    tickets: list[Ticket] = field(default_factory=list)


class Ledger:
    """One namespace of one server. Safe for threads; makes its connections anew after a fork."""

    def __init__(self, settings: Settings, client: redis.Redis | None = None) -> None:
        self.settings = settings
        self.keys = Keys(settings.namespace)
        # Untyped: redis-py's annotations allow for text and for bytes, and we always get bytes.
        self.client: Any = client if client is not None else make_client(settings.redis_url)
        self._can_wait_for_disk: bool | None = None

    def step(self, name: str, /, *, patience_s: float = 2.0, blob: bytes | None = None, **arguments: Any) -> Answer:
        """
        Run the step of lua/{name}.lua.

        Args:
            name: File name without its ending.
            patience_s: For how long to repeat it while the server is away.
            blob: Bytes that no JSON holds; the step's ARGV[2].
            arguments: What the head of the file names; None is left out.

        Raises:
            StoreUnavailable: The server did not answer within `patience_s`.
            AuditFull: It would make something, and too many entries of the audit log wait to be stored.
        """
        payload = self._payload(name, arguments)
        blobs = () if blob is None else (blob,)
        return _answer(self.patiently(lambda: self._run(name, payload, *blobs), patience_s))

    def steps(self, name: str, calls: Sequence[dict[str, Any]], *, patience_s: float = 2.0) -> list[Answer]:
        """
        The same step with each of several arguments, in one round trip; others' commands run in between.

        Raises:
            StoreUnavailable: As for `step`. All of them may be made again.
        """
        payloads = [self._payload(name, arguments) for arguments in calls]

        def send() -> list[Any]:
            pipe = self.client.pipeline(transaction=False)
            for payload in payloads:
                pipe.evalsha(scripts.sha(name), 1, self.keys.prefix, payload)
            answers: list[Any] = pipe.execute(raise_on_error=False)
            return answers

        def run() -> list[Any]:
            answers = send()
            if any(isinstance(answer, NoScriptError) for answer in answers):
                self.client.script_load(scripts.source(name))
                answers = send()
            for answer in answers:
                if isinstance(answer, Exception):
                    raise answer
            return answers

        return [_answer(raw) for raw in self.patiently(run, patience_s)] if payloads else []

    def ask(self, name: str, /, *, patience_s: float = 2.0, **arguments: Any) -> Any:
        """What lua/{name}.lua, which only reads, answers; not JSON. Raises StoreUnavailable."""
        payload = self._payload(name, arguments)
        return self.patiently(lambda: self._run(name, payload), patience_s)

    def patiently(self, call: Any, patience_s: float) -> Any:
        """The answer of `call`, which may be repeated without harm, while the server is away for up to `patience_s`."""
        try:
            for attempt in Retrying(
                retry=retry_if_exception(is_passing),
                stop=stop_after_delay(patience_s),
                wait=wait_exponential_jitter(multiplier=0.05, max=1.0, jitter=0.1),
                reraise=True,
            ):
                with attempt:
                    return call()
        except (*PASSING, ResponseError) as error:
            if not is_passing(error):
                raise
            raise StoreUnavailable((str(error) or type(error).__name__).rstrip(".")) from error

    def _payload(self, step: str, arguments: dict[str, Any]) -> bytes:
        common: dict[str, Any] = {
            "places": self.settings.line_places,
            "events_kept": self.settings.events_kept,
            "lease_ms": round(self.settings.lease_s * 1000),
        }
        if (audit := audit_of(step, arguments)) is not None:
            common["audit"] = audit
        text = json.dumps(common | {k: v for k, v in arguments.items() if v is not None}, ensure_ascii=False)
        return text.encode(errors="replace")  # half a letter, say of a file's name in an error, must not stop the step

    def _run(self, name: str, payload: bytes, *blobs: bytes) -> Any:
        try:
            return self.client.evalsha(scripts.sha(name), 1, self.keys.prefix, payload, *blobs)
        except NoScriptError:  # a new server, or SCRIPT FLUSH
            return self.client.eval(scripts.source(name), 1, self.keys.prefix, payload, *blobs)

    def wait_for_disk(self, timeout_ms: int = 1000) -> None:
        """
        Wait until what was just written is on disk, where the server can say so (Redis 7.2, Valkey) and has an AOF.

        A server that cannot is no error: `vocaqueue doctor` names it.
        """
        if self._can_wait_for_disk is False:
            return
        try:
            self.client.waitaof(1, 0, timeout_ms)
            self._can_wait_for_disk = True
        except (*PASSING, ResponseError) as error:
            if not is_passing(error):
                self._can_wait_for_disk = False
                log.info("the server cannot say when a write is on disk", extra={"reason": str(error)})
                return
            # The write itself was answered; whether it survives a power cut right now is not known.
            log.warning("no word from the server on whether the write is on disk", extra={"reason": str(error)})

    def now_ms(self) -> int:
        return ms_of(self.client.time())


def ms_of(time: tuple[int, int]) -> int:
    """The answer of TIME, as steps count it."""
    seconds, micros = time
    return int(seconds) * 1000 + int(micros) // 1000


def _answer(raw: Any) -> Answer:
    data = json.loads(raw)
    if data.get("state") == "audit_full":
        raise AuditFull(data["waiting"])
    return Answer(data.pop("state", ""), data, [Ticket(*ticket) for ticket in data.pop("tickets", [])])


def ranges(items: Iterable[int]) -> list[list[int]]:
    """Half-open ranges that cover the given positions, in order: [3, 4, 5, 9] -> [[3, 6], [9, 10]]."""
    found: list[list[int]] = []
    for item in sorted(items):
        if found and found[-1][1] == item:
            found[-1][1] = item + 1
        else:
            found.append([item, item + 1])
    return found
