"""A job type with secrets at every depth, whose handler checks that it gets them as they were given."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from vocaqueue import Context, Handler, Item, JobParams, JobType, Limits, Outcome, Secret, SecretBytes, SecretStr

SENTINEL = "s3ntinel-7f1c"


class Login(BaseModel):
    user: str
    password: SecretStr


class Guarded(JobParams):
    ids: tuple[str, ...] | None = None
    token: SecretStr
    raw: SecretBytes = SecretBytes(b"")
    pin: Secret[int] | None = None
    login: Login | None = None
    more: list[SecretStr] = []
    by_name: dict[str, list[SecretStr]] = {}
    some: set[SecretStr] = set()
    plain: str = ""
    out: str | None = None  #: file that gets a digest of what the handler was given
    fails: bool = False


def guarded(**given: Any) -> Guarded:
    """Parameters that hold the sentinel at every depth."""
    fields: dict[str, Any] = {
        "ids": ["a"],
        "token": SENTINEL,
        "raw": f"raw-{SENTINEL}".encode(),
        "pin": 731_903_117,
        "login": {"user": "kim", "password": f"한글-{SENTINEL}"},
        "more": [f"one-{SENTINEL}", f"two-{SENTINEL}"],
        "by_name": {"x": [f"x-{SENTINEL}"]},
        "some": {f"some-{SENTINEL}"},
    }
    return Guarded.model_validate(fields | given)


def what_is_secret(params: Guarded) -> str:
    """A digest of all secrets, in the clear."""
    values = [
        params.token.get_secret_value(),
        params.raw.get_secret_value(),
        params.pin and params.pin.get_secret_value(),
        params.login and params.login.password.get_secret_value(),
        [each.get_secret_value() for each in params.more],
        {name: [each.get_secret_value() for each in inner] for name, inner in params.by_name.items()},
        sorted(each.get_secret_value() for each in params.some),
    ]
    return hashlib.sha256(repr(values).encode()).hexdigest()


class GuardedHandler(Handler):
    def run(self, item: Item, ctx: Context) -> Outcome:
        ctx.log.info("got %s", ctx.params)
        if ctx.params.out:
            Path(ctx.params.out).write_text(what_is_secret(ctx.params))
        if ctx.params.fails:
            return Outcome.failed("no_luck", f"It failed with {ctx.params!r}.")
        return Outcome.done()


JOB_TYPES = (
    JobType(
        name="guarded",
        params=Guarded,
        handler="tests.secret.toys:GuardedHandler",
        items="ids",
        limits=Limits(attempts=1, backoff_s=0.1),
    ),
)
