"""Job types: what one is, and the list of those that a system knows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator
from pydantic.alias_generators import to_camel

from .errors import BadSettings, UnknownType
from .job import JobStatus
from .rates import Rate
from .switches import is_switch_for_number

PAID_RATE = Rate(10, 10.0)  #: of a provider's account that nobody has configured
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


class JobParams(BaseModel):
    """Base of every type's parameters: camelCase outside, snake_case inside, unknown fields and infinity refused."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,  # it may be secret, and errors are logged
    )

    @field_validator("*", mode="before")
    @classmethod
    def _is_no_switch(cls, value: Any, info: ValidationInfo) -> Any:
        if info.field_name is not None and is_switch_for_number(value, cls.model_fields[info.field_name].annotation):
            raise ValueError("true and false stand for no number")
        return value


@dataclass(frozen=True, kw_only=True)
class Limits:
    concurrency: int = 1  #: slots of this type's worker line
    timeout_s: float = 300.0  #: soft limit of one chunk: nothing more is begun, the rest goes back
    hard_margin_s: float = 15.0  #: the hard limit, which kills the child, comes so much later
    item_timeout_s: float = 120.0  #: one item; over it the item fails as `timed_out`, retryable
    attempts: int = 4  #: tries of one item in all; 4 are the guide's three retries
    backoff_s: float = 2.0  #: before the second try; doubles with each further one, up to 20 % jitter on top
    item_concurrency: int = 1  #: items of a chunk that run at once (asyncio tasks, or threads)
    chunk_s: float = 2.0  #: after so long no further item of the chunk is begun, and the rest goes back
    chunk_max: int = 10_000  #: items that one claim may take
    rate: Rate | None = None  #: calls of this type over all workers; an item is a call, with `run_chunk` a chunk is one
    account: str | None = None  #: the provider's account that the calls go to; types that name the same share its rate
    account_rate: Rate | None = PAID_RATE  #: of that account, until it is set at run time
    max_running_chunks: int | None = None  #: chunks of this type that may run at once, over all machines
    breaker_failures: int | None = 50  #: so many retryable failures of one code in a row, none done, hold the type
    breaker_fatals: int | None = 3  #: so many jobs in a row that end with one `JobFatal` hold the account, or the type

    def __post_init__(self) -> None:
        for name in (
            "concurrency",
            "timeout_s",
            "hard_margin_s",
            "item_timeout_s",
            "attempts",
            "item_concurrency",
            "chunk_s",
            "chunk_max",
        ):
            if getattr(self, name) <= 0:
                raise BadSettings(f"Limits.{name} must be above 0, not {getattr(self, name)}")
        for name in ("max_running_chunks", "breaker_failures", "breaker_fatals"):
            if getattr(self, name) is not None and getattr(self, name) <= 0:
                raise BadSettings(f"Limits.{name} must be above 0 or None, not {getattr(self, name)}")
        if self.backoff_s < 0:
            raise BadSettings(f"Limits.backoff_s must not be negative, not {self.backoff_s}")
        if self.account is not None and not NAME.fullmatch(self.account):
            raise BadSettings(f"Limits.account is lower case words joined by '-', not {self.account!r}")

    @property
    def hard_timeout_s(self) -> float:
        return self.timeout_s + self.hard_margin_s

    def declared(self) -> str:
        """What the ledger is told of the limits that it keeps: JSON text, which is compared before it is read."""
        rates = {
            "rate": self.rate.as_step() if self.rate else None,
            "account_rate": self.account_rate.as_step() if self.account and self.account_rate else None,
        }
        return json.dumps(rates | {"account": self.account, "cap": self.max_running_chunks}, sort_keys=True)


@dataclass(frozen=True, kw_only=True)
class Retention:
    """
    For how long, and how many of, a type's ended jobs are kept; what is over goes for good, with its files.

    None is no limit. A restored job's age begins anew.
    """

    completed_s: float | None = 30 * 86_400.0
    completed_most: int | None = 10_000
    failed_s: float | None = 90 * 86_400.0
    failed_most: int | None = None
    cancelled_s: float | None = 30 * 86_400.0
    cancelled_most: int | None = 10_000

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if value is not None and not 0 <= value < float("inf"):
                raise BadSettings(f"Retention.{name} must be 0 or more, or None for no limit, not {value}")

    def of(self, status: JobStatus) -> tuple[float | None, int | None]:
        """(seconds, number) for jobs that ended in this status."""
        return getattr(self, f"{status.value}_s"), getattr(self, f"{status.value}_most")


@dataclass(frozen=True)
class Prepared:
    """What `prepare` made of a request: the parameters to keep, and what the requester should know."""

    params: JobParams
    warnings: tuple[dict[str, Any], ...] = ()  #: each with a `code` and a `message`


class Prepare(Protocol):
    """Runs once, where the job is submitted: resolves a filter to ids, checks that an upload exists."""

    def __call__(self, params: Any) -> Prepared: ...


@dataclass(frozen=True, kw_only=True)
class JobType:
    """
    A kind of job, declared as a value.

    The code behind `handler` is imported only in a worker, that behind `prepare` and `estimate` only where jobs are
    submitted, such as a web process.
    """

    name: str  #: also the name of its queue and of its Celery task
    params: type[JobParams]
    handler: str  #: "package.module:ClassName", see `vocaqueue.handler.Handler`
    limits: Limits = Limits()
    retention: Retention = Retention()
    items: str | None = None  #: field of `params` that lists the item ids; None: the handler's `plan` finds the items
    prepare: str | None = None  #: "package.module:function", see `Prepare`
    estimate: str | None = None  #: "package.module:function" from prepared params to `Estimate`, for a dry run
    role: str = "operator"  #: who may submit it over HTTP
    unique: bool = False  #: refuse a job while one with the same parameters has not ended; a request may say otherwise

    @cached_property
    def declared_limits(self) -> str:
        """`limits.declared()`, made once."""
        return self.limits.declared()

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise BadSettings(f"A job type's name is lower case words joined by '-', not {self.name!r}")
        if self.items is not None and self.items not in self.params.model_fields:
            raise BadSettings(f"{self.name}: params have no field {self.items!r} to take the items from")
        # The ledger keeps the ids apart, so a worker reads the other parameters without them.
        if self.items is not None and self.params.model_fields[self.items].is_required():
            raise BadSettings(f"{self.name}: the field {self.items!r} needs a default, such as None")
        if self.role not in {"viewer", "operator", "admin"}:
            raise BadSettings(f"{self.name}: role must be viewer, operator or admin, not {self.role!r}")


class Registry:
    """The job types of one system, by name and by class of parameters."""

    def __init__(self, job_types: Iterable[JobType]) -> None:
        self._by_name: dict[str, JobType] = {}
        self._by_params: dict[type[JobParams], JobType] = {}
        for job_type in job_types:
            if job_type.name in self._by_name:
                raise BadSettings(f"Two job types are called {job_type.name!r}")
            if job_type.params in self._by_params:
                raise BadSettings(f"{job_type.params.__name__} is the parameters of two job types")
            self._by_name[job_type.name] = job_type
            self._by_params[job_type.params] = job_type

    def __iter__(self) -> Iterator[JobType]:
        return iter(self._by_name.values())

    @property
    def names(self) -> list[str]:
        return list(self._by_name)

    def get(self, name: str) -> JobType:
        """Raises UnknownType with the known names."""
        try:
            return self._by_name[name]
        except KeyError:
            raise UnknownType(name, self._by_name) from None

    def of(self, params: JobParams) -> JobType:
        """The type that these parameters belong to. Raises UnknownType."""
        try:
            return self._by_params[type(params)]
        except KeyError:
            raise UnknownType(type(params).__name__, self._by_name) from None


def load_object(dotted: str) -> Any:
    """The object behind "package.module:name". Raises BadSettings that says which half is wrong."""
    module_name, _, attribute = dotted.partition(":")
    if not attribute:
        raise BadSettings(f"{dotted!r} should read like package.module:name")
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as error:
        raise BadSettings(f"{dotted!r}: there is no module {error.name!r} here") from error
    try:
        return getattr(module, attribute)
    except AttributeError:
        raise BadSettings(f"{dotted!r}: module {module_name!r} has no {attribute!r}") from None


def load_registry(dotted_names: str) -> Registry:
    """
    A registry of the tuples behind `VOCAQUEUE_JOB_TYPES`: dotted names, by comma.

    Raises:
        BadSettings: One of them is not there, or is something else.
    """
    found: list[JobType] = []
    for dotted in filter(None, (part.strip() for part in dotted_names.split(","))):
        try:
            loaded = load_object(dotted)
        except BadSettings as error:
            raise BadSettings(f"VOCAQUEUE_JOB_TYPES names the tuples of job types, and {error}.") from error
        entries = (loaded,) if isinstance(loaded, JobType) else tuple(loaded)
        for entry in entries:
            if not isinstance(entry, JobType):
                raise BadSettings(f"{dotted!r} holds {entry!r}, which is not a JobType")
        found.extend(entries)
    return Registry(found)
