"""Lists of jobs that the ledger's own indexes do not give: by text, creator, item, time; sorted otherwise."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..job import NEWEST_FIRST, SORTS
from . import grams
from .items import ItemIndex
from .text import needed, words

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

#: With more jobs that may fit, reading all texts is quicker than looking each up.
CANDIDATES_MOST = 10_000

_COLUMNS = dict(zip(SORTS, ("created_at_ms", "started_at_ms", "finished_at_ms", "priority", "name"), strict=True))


@dataclass(frozen=True, kw_only=True)
class JobSearch:
    """What a list is to show; what is left empty is not asked. Times are milliseconds since the epoch."""

    types: Sequence[str] = ()
    statuses: Sequence[tuple[str | None, str]] | None = None  #: (type, status) of the ledger; None is any type
    priorities: Sequence[int] = ()
    created_by: str | None = None
    text: str | None = None  #: words that must all be found, each anywhere in id, name, labels, parameters, errors
    item_id: str | None = None
    has_failures: bool | None = None
    created_from_ms: int | None = None
    created_before_ms: int | None = None
    finished_from_ms: int | None = None
    finished_before_ms: int | None = None
    sort: str = NEWEST_FIRST  #: of SORTS; `-`: the largest first


@dataclass(frozen=True, slots=True)
class Found:
    ids: list[str]  #: of one page
    total: int


class Search:
    """One namespace's history, read."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        self.items = ItemIndex(namespace)

    def page(self, connection: Connection, wanted: JobSearch, *, page: int, limit: int) -> Found:
        from sqlalchemy import func, select

        from .history import job_table

        which = self._which(connection, wanted)
        if which is None:
            return Found([], 0)
        first = (page - 1) * limit
        listed = select(job_table.c.id).where(*which).order_by(*_order(wanted.sort)).limit(limit).offset(first)
        counted = select(func.count()).select_from(job_table).where(*which)
        if wanted.text is None and wanted.item_id is None:
            return Found(list(connection.execute(listed).scalars()), connection.execute(counted).scalar_one())
        # Comparing the texts, or looking up each candidate, is what takes the time: once for both.
        rows = connection.execute(listed.add_columns(func.count().over())).all()
        total = rows[0][1] if rows else connection.execute(counted).scalar_one() if first else 0
        return Found([row[0] for row in rows], total)

    def _which(self, connection: Connection, wanted: JobSearch) -> list[ColumnElement[bool]] | None:
        """The conditions; None where nothing can fit."""
        from sqlalchemy import String, func, literal_column

        from .history import job_table

        columns = job_table.c
        mine: ColumnElement[str] = columns.namespace
        if connection.dialect.name == "sqlite" and (wanted.item_id is not None or wanted.text is not None):
            # Else SQLite goes through all jobs in the order of the list, by an index that begins with the namespace.
            mine = literal_column("+vocaqueue_job.namespace", String)
        which: list[ColumnElement[bool]] = [mine == self.namespace, *_plain(wanted)]
        if wanted.item_id is not None:
            numbers = self.items.find(connection, wanted.item_id)
            if not numbers:
                return None
            which.append(_among(connection, numbers))
        if wanted.text is not None:
            asked = words(wanted.text)
            some = grams.find(connection, needed(asked), CANDIDATES_MOST) if asked else None
            if some is not None:
                if not some:
                    return None
                which.append(_among(connection, some))
            place = func.instr if connection.dialect.name == "sqlite" else func.strpos
            which += [place(columns.text, word) > 0 for word in asked if some is None or len(word) > 2]
        return which


def _plain(wanted: JobSearch) -> list[ColumnElement[bool]]:
    from sqlalchemy import and_, false, or_

    from .history import job_table

    columns = job_table.c
    which: list[ColumnElement[bool]] = []
    if wanted.types:
        which.append(columns.type.in_(wanted.types))
    if wanted.statuses is not None:
        pairs = [
            and_(columns.status == status, *([] if kind is None else [columns.type == kind]))
            for kind, status in wanted.statuses
        ]
        which.append(or_(false(), *pairs))
    if wanted.priorities:
        which.append(columns.priority.in_(wanted.priorities))
    if wanted.created_by is not None:
        which.append(columns.created_by == wanted.created_by)
    if wanted.has_failures is not None:
        which.append(columns.failed > 0 if wanted.has_failures else columns.failed == 0)
    bounds = (
        (columns.created_at_ms, wanted.created_from_ms, wanted.created_before_ms),
        (columns.finished_at_ms, wanted.finished_from_ms, wanted.finished_before_ms),
    )
    for column, low, high in bounds:
        if low is not None:
            which.append(column >= low)
        if high is not None:
            which.append(column < high)
    return which


def _order(sort: str) -> list[Any]:
    from .history import job_table

    column = job_table.c[_COLUMNS[sort.removeprefix("-")]]
    descending = sort.startswith("-")
    first = column.desc() if descending else column.asc()
    if column.nullable:
        first = first.nulls_last()
    # Of jobs of the same moment as the ledger's own lists have them: by id.
    newest = [] if column is job_table.c.created_at_ms else [job_table.c.created_at_ms.desc()]
    is_oldest_first = not newest and not descending
    return [first, *newest, job_table.c.id.asc() if is_oldest_first else job_table.c.id.desc()]


def _among(connection: Connection, numbers: Sequence[int]) -> ColumnElement[bool]:
    """The jobs with these numbers, however many: one value of the statement."""
    from sqlalchemy import ARRAY, BigInteger, Integer, bindparam, column, func, select

    from .history import job_table

    if connection.dialect.name == "sqlite":
        listed = func.json_each(json.dumps(numbers)).table_valued("value")
        return job_table.c.nr.in_(select(column("value", Integer)).select_from(listed))
    # Not `nr = ANY(…)`: PostgreSQL may compare each job with each number then.
    given = bindparam("numbers", list(numbers), type_=ARRAY(BigInteger), unique=True)
    return job_table.c.nr.in_(select(func.unnest(given)))
