"""What every job type owes the engine and the people outside; one suite for all of them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from vocaqueue import Handler, JobParams, JobType
from vocaqueue.registry import Registry, load_object
from workers.job_types import JOB_TYPES, BatchImport, Cleanup, ContentGeneration, Export, ImageGeneration

#: Workers and time-outs in seconds, from the queue guide's table of job types; the roles are the contract's.
GUIDE = {
    "image-generation": (3, 600, "operator"),
    "content-generation": (5, 300, "operator"),
    "batch-import": (1, 1800, "operator"),
    "export": (2, 600, "operator"),
    "cleanup": (1, 300, "admin"),
}
EXAMPLES: dict[type[JobParams], JobParams] = {
    ImageGeneration: ImageGeneration(word_ids=["a", "b"], style="anime", size="640x480", strict_style=True),
    ContentGeneration: ContentGeneration(filter={"level": "A1,B2", "q": "c"}, options={"generateEtymology": True}),
    BatchImport: BatchImport(upload_id="abc", header_row=2, mapping={"word": "A"}, all_or_nothing=True),
    Export: Export(format="csv", columns=["word", "meaning"], filter={"missing": "image"}, encoding="utf-8-sig"),
    Cleanup: Cleanup(what=["jobs", "versions"], older_than_seconds=60),
}

every_type = pytest.mark.parametrize("job_type", JOB_TYPES, ids=lambda job_type: job_type.name)


def test_the_types_are_those_of_the_guide():
    """
    Five types, with the guide's names, and no two share parameters.
    """
    assert set(Registry(JOB_TYPES).names) == set(GUIDE)


@every_type
def test_limits_are_the_guides(job_type: JobType):
    """
    Workers, time-out and three retries after the first try.
    """
    limits = job_type.limits
    assert (limits.concurrency, limits.timeout_s, job_type.role) == GUIDE[job_type.name]
    assert limits.attempts == 4
    assert limits.item_timeout_s <= limits.timeout_s


@every_type
def test_the_handler_can_be_loaded_and_has_the_steps_it_needs(job_type: JobType):
    """
    One of `run` and `run_chunk`; `plan` and `load` where the job is given no ids; made without arguments.
    """
    handler = load_object(job_type.handler)
    assert issubclass(handler, Handler)
    assert handler.defines("run") != handler.defines("run_chunk")
    assert handler.defines("plan") == handler.defines("load") == (job_type.items is None)
    assert isinstance(handler(), Handler)


@every_type
def test_parameters_survive_the_way_through_json(job_type: JobType):
    """
    camelCase outside, the same value back, unknown names refused, and a schema for OpenAPI.
    """
    params = EXAMPLES[job_type.params]
    text = params.model_dump_json(by_alias=True)
    assert not any("_" in name for name in json.loads(text))
    assert job_type.params.model_validate_json(text) == params
    with pytest.raises(ValueError, match="colour"):
        job_type.params.model_validate(json.loads(text) | {"colour": "red"})
    assert job_type.params.model_json_schema(by_alias=True)["properties"]


@every_type
def test_parameters_can_be_read_without_the_items(job_type: JobType):
    """
    The ledger keeps the items apart; what is left must still be valid for a worker.
    """
    kept = EXAMPLES[job_type.params].model_dump(mode="json", by_alias=True, exclude={job_type.items or ""})
    job_type.params.model_validate(kept)


@every_type
def test_prepare_can_be_loaded(job_type: JobType):
    """
    Where a type prepares its parameters, the function is there.
    """
    assert job_type.prepare is None or callable(load_object(job_type.prepare))


def test_declaring_the_types_brings_neither_the_database_nor_celery():
    """
    Every process reads the list of types, so it stays light.
    """
    code = (
        "import sys, workers.job_types; "
        "print([m for m in ('sqlalchemy', 'alembic', 'celery', 'PIL', 'redis') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
