"""Submitting jobs: every job type has its own address, its own body and its own role."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from flask import Response, request, url_for
from pydantic import Field, ValidationError
from pydantic.alias_generators import to_camel
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import UnsupportedMediaType

from ..engine.submission import FARTHEST_S, Options, Receipt
from ..errors import Detail, InvalidParams, NotSupported, TooMany
from ..job import Priority
from ..registry import JobParams, JobType
from . import forecasts, job_answers, requests
from .guard import GuardedBlueprint, identity
from .payloads import ok
from .requests import Query, Switch

if TYPE_CHECKING:
    from ..engine.queue import QueueManager

LATER_FIELDS = ("budgetUsd", "execution")
DIGEST_BYTES = 1024**2  #: of a file between two looks at other requests; about two milliseconds
UPLOAD_FIELD = "upload_id"  #: a type whose parameters have it takes a file
_UPLOAD = to_camel(UPLOAD_FIELD)
KEY_SAYS = (
    "1 to 255 printable characters. The same request again answers with the first job, until 24 hours after it ended."
)
RESERVED = frozenset({"bulk"})  #: POST /jobs/{name} that is no job type

Keep = Callable[[IO[bytes], str], str]


@dataclass(frozen=True)
class Files:
    """What the host does with files that are handed in."""

    keep: Keep  #: answers the upload's id
    discard: Callable[[str], None] | None = None  #: throws the upload of this id away, after a dry run


class General(JobParams):
    """What every job may be given beside its type's own parameters."""

    priority: requests.Level = "normal"
    delay: float | None = Field(None, ge=0, le=FARTHEST_S, description="Seconds before which it must not start.")
    run_at: requests.Time | None = Field(None, description="Not before this time.")
    deadline_seconds: float | None = Field(
        None, gt=0, le=FARTHEST_S, description="Seconds from now within which it must have ended, else it fails."
    )
    unique: bool | None = Field(
        None, description="Refuse it while a job with the same parameters has not ended; left out: as the type says."
    )
    name: str | None = Field(None, max_length=200)
    labels: tuple[str, ...] = Field((), max_length=20)


class SubmitQuery(Query):
    dry_run: Switch = Field(False, description="Answer what it would come to, with 200, and make nothing.")


def add_routes(blueprint: GuardedBlueprint, queue: QueueManager, uploads: Files | None) -> None:
    for job_type in queue.job_types:
        if job_type.name in RESERVED:
            continue
        receipts = _receipt_models(job_type)
        blueprint.add_url_rule(
            f"/jobs/{job_type.name}",
            f"submit-{job_type.name}",
            _view(queue, job_type, uploads),
            role=job_type.role,
            query=SubmitQuery,
            body=job_type.params,
            answer={201: receipts[0], 200: receipts[1] | forecasts.model_of(_total_of(job_type))},
            errors=(409, 501),
            methods=["POST"],
            described={
                "reads_body": False,
                "body_bytes": requests.JOB_BODY_BYTES,
                "beside": General,
                "takes_file": UPLOAD_FIELD in job_type.params.model_fields and uploads is not None,
                "headers": {"Idempotency-Key": KEY_SAYS},
            },
        )

    @blueprint.post("/jobs/<type_name>", role="viewer", answer={}, query=None)
    def submit_unknown(type_name: str) -> Response:
        queue.job_types.get(type_name)  # raises UnknownType with the known ones
        raise UnsupportedMediaType(f"Jobs of {type_name} cannot be submitted at this address.")


def _view(queue: QueueManager, job_type: JobType, uploads: Files | None) -> Callable[..., Response]:
    def view(query: SubmitQuery) -> Response:
        return _submit(queue, job_type, uploads, query)

    view.__doc__ = (job_type.params.__doc__ or "").strip() or f"Submit a job of the type {job_type.name}."
    return view


def _submit(queue: QueueManager, job_type: JobType, uploads: Files | None, query: SubmitQuery) -> Response:
    body = _body(job_type, uploads)
    own, general = _split(job_type, body.fields)
    options = _options(general)
    if body.upload is not None:  # what is wrong, and what was asked before, is said before a file is kept
        contents = {_UPLOAD: body.upload.digest()} if options.idempotency_key or _is_unique(job_type, general) else {}
        if query.dry_run:
            return ok(_forecast_with_file(queue, job_type, body.upload, own, options, contents))
        if options.idempotency_key and (seen := _seen_before(queue, job_type, own, options, contents)):
            return _receipt(job_type, seen)
        own[_UPLOAD] = body.upload.keep()
    else:
        contents = {}
    submission = queue.submission(_parse(queue, job_type, own), options, contents=contents)
    if query.dry_run:
        return ok(forecasts.shown(submission, _total_of(job_type)))
    return _receipt(job_type, submission.make())


def _forecast_with_file(
    queue: QueueManager,
    job_type: JobType,
    upload: Upload,
    own: dict[str, Any],
    options: Options,
    contents: Mapping[str, str],
) -> Mapping[str, Any]:
    def show(upload_id: str) -> dict[str, Any]:
        params = _parse(queue, job_type, {**own, _UPLOAD: upload_id})
        return forecasts.shown(queue.submission(params, options, contents=contents), _total_of(job_type))

    return forecasts.with_file(upload.keep, upload.discard, show)


class Upload:
    """The file of a multipart body, not kept yet."""

    def __init__(self, given: FileStorage, files: Files) -> None:
        self._given, self._keep, self.discard = given, files.keep, files.discard

    def digest(self) -> str:
        found = hashlib.sha256()
        while part := self._given.stream.read(DIGEST_BYTES):
            found.update(part)
            time.sleep(0)  # where one thread serves all requests, the others have their turn
        self._given.stream.seek(0)
        return found.hexdigest()

    def keep(self) -> str:
        """Answers the upload's id."""
        return self._keep(self._given.stream, self._given.filename or "")


@dataclass(frozen=True)
class Body:
    fields: dict[str, Any]
    upload: Upload | None = None


def _body(job_type: JobType, uploads: Files | None) -> Body:
    if request.mimetype != "multipart/form-data":
        request.max_content_length = requests.JOB_BODY_BYTES
        return Body(requests.json_body())
    if UPLOAD_FIELD not in job_type.params.model_fields:
        raise UnsupportedMediaType(f"{job_type.name} takes no file; send its fields as application/json.")
    if uploads is None:
        raise NotSupported("Files cannot be handed in here; send the id of an upload as application/json.")
    request.max_content_length = requests.UPLOAD_BODY_BYTES
    with requests.readable():
        given = request.files.get("file")
    if given is None or not given.filename:
        message = "Put the file into the field “file”."
        raise InvalidParams(message, [Detail("file", "missing", message)])
    models = (job_type.params, General)
    lists = {f.alias or n for model in models for n, f in model.model_fields.items() if requests.takes_several(f)}
    return Body(requests.form_fields(lists), Upload(given, uploads))


def _options(general: General) -> Options:
    return Options(
        priority=general.priority,
        created_by=identity().id,
        name=general.name,
        labels=general.labels,
        delay_s=general.delay,
        run_at=general.run_at,
        deadline_s=general.deadline_seconds,
        unique=general.unique,
        idempotency_key=request.headers.get("Idempotency-Key"),
    )


def _is_unique(job_type: JobType, general: General) -> bool:
    return job_type.unique if general.unique is None else general.unique


def _seen_before(
    queue: QueueManager, job_type: JobType, own: Mapping[str, Any], options: Options, contents: Mapping[str, str]
) -> Receipt | None:
    """The job of the same file and fields; the file's digest stands in for the id that it does not have yet."""
    params = _parse(queue, job_type, {**own, **contents})
    return queue.submission(params, options, contents=contents).seen_before()


def _split(job_type: JobType, fields: Mapping[str, Any]) -> tuple[dict[str, Any], General]:
    """The type's own parameters, and the general ones that it has no field of its own for."""
    own = {field.alias or name for name, field in job_type.params.model_fields.items()}
    general = {field.alias or name for name, field in General.model_fields.items()} - own
    _only_built([name for name in LATER_FIELDS if name not in own], fields)
    unknown = [name for name in fields if name not in own | general]
    if unknown:
        details = [Detail(name, "unknown_field", requests.unknown_field(name, own | general)) for name in unknown]
        raise InvalidParams(" ".join(detail.message for detail in details[:3]), details)
    try:
        shared = General.model_validate({name: fields[name] for name in general & fields.keys()})
        Priority.parse(shared.priority)
    except ValidationError as error:
        raise requests.invalid(error) from None
    except ValueError as error:
        raise InvalidParams(str(error), [Detail("priority", "invalid", str(error))]) from None
    return {name: value for name, value in fields.items() if name in own}, shared


def _parse(queue: QueueManager, job_type: JobType, own: Mapping[str, Any]) -> JobParams:
    try:
        return queue.parse(job_type.name, own)
    except InvalidParams as error:
        _too_many(job_type, own, error)
        if not any(detail.code == "extra_forbidden" for detail in error.details):
            raise
        known = requests.names_in(job_type.params.model_json_schema(by_alias=True))
        details = [_with_hint(detail, known) for detail in error.details]
        raise InvalidParams(" ".join(detail.message for detail in details[:3]), details) from None


def _too_many(job_type: JobType, own: Mapping[str, Any], error: InvalidParams) -> None:
    """Raises TooMany where a job names more items than its type takes."""
    if job_type.items is None:
        return
    field = job_type.params.model_fields[job_type.items]
    name = field.alias or job_type.items
    most = next((rule.max_length for rule in field.metadata if hasattr(rule, "max_length")), None)
    if most and any(detail.field == name and detail.code == "too_long" for detail in error.details):
        message = f"A job takes at most {most:,} items; {name} has {len(own[name]):,}. Submit several jobs."
        raise TooMany(message, [Detail(name, "too_many", message)]) from None


def _with_hint(detail: Detail, known: set[str]) -> Detail:
    if detail.code != "extra_forbidden":
        return detail
    name = detail.field.rpartition(".")[2]
    return Detail(detail.field, "unknown_field", requests.unknown_field(name, known))


def _receipt(job_type: JobType, receipt: Receipt | None) -> Response:
    """201 for a new job, 200 for the one of the same request before."""
    assert receipt is not None  # only a schedule's run may already have its job
    job = receipt.job
    data: dict[str, Any] = {
        "jobId": receipt.job_id,
        "type": receipt.type,
        "status": None if job is None else job.status.value,
        _total_of(job_type): None if job is None else job.progress.total,
        "warnings": [] if job is None else list(job.warnings),
    }
    if job is None:
        return ok(data | {"removed": True})
    where = url_for(".job", job_id=receipt.job_id)
    return ok(data, 201 if receipt.is_new else 200, {"Location": where})


def _receipt_models(job_type: JobType) -> tuple[Any, Any]:
    """Of a new job, and of one that there was."""
    if _total_of(job_type) == "totalWords":
        return job_answers.WordsReceipt, job_answers.SeenWordsReceipt
    return job_answers.Receipt, job_answers.SeenReceipt


def _total_of(job_type: JobType) -> str:
    items_field = job_type.params.model_fields[job_type.items].alias if job_type.items else None
    return "totalWords" if items_field == "wordIds" else "totalItems"


def _only_built(names: Iterable[str], given: Any) -> None:
    """Refuse what the contract has and this version not yet, rather than ignore it."""
    for name in names:
        if name in given:
            raise NotSupported(f"“{name}” is not part of this version; leave it out.")
