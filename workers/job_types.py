"""
VocaVision's five job types.

Numbers of workers and time-outs are those of the queue guide's table; four attempts are its three retries.
This module is read by every process, so it imports neither the database nor Celery.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints, field_validator

from vocaqueue import JobParams, JobType, Limits

MOST_WORDS = 1_000_000  #: ids of one job
STYLES = ("cartoon", "anime", "realistic", "watercolor", "minimal")
SIZE = re.compile(r"([1-9]\d{1,3})x([1-9]\d{1,3})")
LEAST_PIXELS, MOST_PIXELS = 64, 2048
EXPORT_COLUMNS = (
    "id", "word", "meaning", "pos", "level", "definition", "examples", "mnemonic", "etymology", "image", "styleApplied",
)  # fmt: skip
DEFAULT_COLUMNS = ("word", "meaning", "pos", "level", "definition", "examples", "mnemonic", "etymology", "image")

Style = Literal["cartoon", "anime", "realistic", "watercolor", "minimal"]
WordId = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]


def _several(value: Any) -> Any:
    """ "A1,B2" as well as a list, as in a URL."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Several = Annotated[tuple[str, ...], BeforeValidator(_several)]


class WordFilter(JobParams):
    """Which words are meant, in place of their ids; resolved once, when the job is submitted."""

    q: str | None = Field(None, max_length=200, description="Part of the word or of its meaning.")
    level: Several = Field((), description="Any of these levels: a list, or by comma.")
    pos: Several = Field((), description="Any of these parts of speech: a list, or by comma.")
    missing: Literal["image", "content"] | None = Field(
        None, description="Only words without any picture, or without any generated text."
    )


class WordParams(JobParams):
    """What the two generating types share. `workers.submission` demands exactly one of the first two."""

    word_ids: tuple[WordId, ...] | None = Field(None, max_length=MOST_WORDS, description="The words, by id.")
    filter: WordFilter | None = Field(None, description="The words, by what they have in common.")
    regenerate: bool = Field(False, description="Make anew what is there already; the old stays as a version.")


class ImageGeneration(WordParams):
    """Draw a picture for each word."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"filter": {"level": "B1"}, "style": "minimal", "priority": "high"}]}
    )

    style: Style = "cartoon"
    size: str = Field("512x512", description=f"WIDTHxHEIGHT in pixels, each {LEAST_PIXELS} to {MOST_PIXELS}.")
    strict_style: bool = Field(False, description="Refuse the job where the provider cannot draw the style.")

    @field_validator("size")
    @classmethod
    def _is_a_size(cls, value: str) -> str:
        match = SIZE.fullmatch(value)
        if not match or not all(LEAST_PIXELS <= int(side) <= MOST_PIXELS for side in match.groups()):
            raise ValueError(
                f"size is WIDTHxHEIGHT in pixels, each from {LEAST_PIXELS} to {MOST_PIXELS}, such as 512x512"
            )
        return value

    @property
    def pixels(self) -> tuple[int, int]:
        """Width and height."""
        width, _, height = self.size.partition("x")
        return int(width), int(height)


class ContentOptions(JobParams):
    """What to write beside the definition, which is always made."""

    generate_mnemonic: bool = True
    generate_examples: bool = True
    generate_etymology: bool = False


class ContentGeneration(WordParams):
    """Write the definition of each word, and what the options ask for."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"filter": {"level": "B1"}, "options": {"generateEtymology": True}}]}
    )

    options: ContentOptions = ContentOptions()

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields asked for, the definition first."""
        options = self.options
        asked = {
            "definition": True,
            "examples": options.generate_examples,
            "mnemonic": options.generate_mnemonic,
            "etymology": options.generate_etymology,
        }
        return tuple(name for name, wanted in asked.items() if wanted)


class BatchImport(JobParams):
    """Read a word list from an uploaded file. For now: UTF-8 CSV, comma separated, its first row naming the columns."""

    upload_id: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="Id that POST /uploads answered.")
    sheet: str | None = None
    encoding: str | None = Field(None, description="utf-8 is the only one for now.")
    delimiter: str | None = Field(None, description="A comma is the only one for now.")
    header_row: int = Field(1, ge=1)
    mapping: dict[str, str] | None = None
    mode: Literal["insert", "update", "upsert", "skip"] = "upsert"
    empty_cells: Literal["keep", "clear"] = "keep"
    all_or_nothing: bool = False


class Export(JobParams):
    """Write the words to a file."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"format": "csv", "encoding": "utf-8-sig"}]})

    format: Literal["csv", "xlsx", "json", "jsonl"] = "csv"
    filter: WordFilter = WordFilter()
    columns: tuple[str, ...] = Field(DEFAULT_COLUMNS, min_length=1)
    encoding: Literal["utf-8", "utf-8-sig", "cp949"] = Field(
        "utf-8", description="utf-8-sig begins with a byte order mark, by which Excel knows UTF-8."
    )

    @field_validator("columns")
    @classmethod
    def _are_columns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in value if name not in EXPORT_COLUMNS]
        if unknown:
            raise ValueError(f"there is no column {', '.join(unknown)}; choose from {', '.join(EXPORT_COLUMNS)}")
        if len(set(value)) < len(value):
            raise ValueError("each column may be named once")
        return value


class Cleanup(JobParams):
    """
    Take away what is no longer needed.

    `jobs`: ended jobs of the ledger. `files`: what ended jobs made for download. `orphans`: pictures that no word
    refers to, and uploads that no unfinished import needs. `versions`: older versions of texts and pictures.
    """

    what: tuple[Literal["jobs", "files", "orphans", "versions"], ...] = Field(("jobs", "orphans"), min_length=1)
    older_than_seconds: int = Field(86_400, ge=0)

    @field_validator("what")
    @classmethod
    def _each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(value))


JOB_TYPES = (
    JobType(
        name="image-generation",
        params=ImageGeneration,
        handler="workers.image_generation:ImageHandler",
        prepare="workers.submission:prepare_images",
        estimate="workers.estimates:estimate_free",
        items="word_ids",
        # The offline provider computes, so a second call at once in one process would only share its processor.
        limits=Limits(concurrency=3, timeout_s=600, attempts=4, item_concurrency=1),
    ),
    JobType(
        name="content-generation",
        params=ContentGeneration,
        handler="workers.content_generation:ContentHandler",
        prepare="workers.submission:prepare_contents",
        estimate="workers.estimates:estimate_free",
        items="word_ids",
        limits=Limits(concurrency=5, timeout_s=300, attempts=4, item_concurrency=1),
    ),
    JobType(
        name="batch-import",
        params=BatchImport,
        handler="workers.batch_import:ImportHandler",
        prepare="workers.submission:prepare_import",
        estimate="workers.estimates:estimate_import",
        limits=Limits(concurrency=1, timeout_s=1800, attempts=4, chunk_max=2000),
    ),
    JobType(
        name="export",
        params=Export,
        handler="workers.export:ExportHandler",
        prepare="workers.submission:prepare_export",
        estimate="workers.estimates:estimate_export",
        limits=Limits(concurrency=2, timeout_s=600, attempts=4, chunk_max=2000),
    ),
    JobType(
        name="cleanup",
        params=Cleanup,
        handler="workers.cleanup:CleanupHandler",
        estimate="workers.estimates:estimate_free",
        items="what",
        role="admin",
        limits=Limits(concurrency=1, timeout_s=300, attempts=4, item_timeout_s=270),
    ),
)
