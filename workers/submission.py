"""What happens once, where a job is submitted: ids are found and counted, and what cannot work is refused at once."""

from __future__ import annotations

import codecs
import csv
import os
from collections.abc import Iterator
from itertools import islice
from typing import Any, TypeVar

from vocaqueue import Detail, FileStore, InvalidParams, NoItems, NotSupported, Prepared, Settings

from . import uploads
from .job_types import MOST_WORDS, BatchImport, ContentGeneration, Export, ImageGeneration, WordParams
from .providers.offline.model import CAPABILITIES
from .tables import parts, rows
from .words import selection

Params = TypeVar("Params", bound=WordParams)
OFFLINE_STYLE: str = CAPABILITIES["styles"][0]
SEEN_BYTES = 1024 * 1024  #: of an upload that are read at submission
_OTHER_FORMATS = {b"PK\x03\x04": "an Excel or ZIP file", b"\xd0\xcf\x11\xe0": "an old Excel file", b"%PDF": "a PDF"}
_CSV_ONLY = "Only UTF-8 CSV files can be imported for now"


def prepare_images(params: ImageGeneration) -> Prepared:
    """
    Raises:
        InvalidParams: Both or neither of wordIds and filter, a style that may not be replaced, or a size that the
            provider does not draw.
        NoItems: They select nothing.
        NotSupported: The key of a paid provider is set.
    """
    _only_offline("OPENAI_API_KEY")
    warnings = []
    least, most = CAPABILITIES["minSide"], CAPABILITIES["maxSide"]
    if not all(least <= side <= most for side in params.pixels):
        message = f"The offline provider draws sides of {least} to {most} pixels, not {params.size}."
        raise InvalidParams(message, [Detail("size", "size_not_supported", message)])
    if params.style != OFFLINE_STYLE:
        message = f"The offline provider draws no style “{params.style}”; it delivers “{OFFLINE_STYLE}” cards."
        if params.strict_style:
            raise InvalidParams(
                f"{message} Ask for “{OFFLINE_STYLE}”, or leave strictStyle out.",
                [Detail("style", "style_not_supported", message)],
            )
        warnings.append(
            {
                "code": "style_not_supported",
                "style": params.style,
                "styleApplied": OFFLINE_STYLE,
                "message": f"{message} They are found under the style asked for.",
            }
        )
    return _prepare_words(params, warnings)


def prepare_contents(params: ContentGeneration) -> Prepared:
    """Raises InvalidParams, NoItems, NotSupported, as `prepare_images`."""
    _only_offline("ANTHROPIC_API_KEY")
    return _prepare_words(params, [])


def prepare_import(params: BatchImport) -> Prepared:
    """
    Raises:
        InvalidParams: No such upload, or its first row does not name the columns.
        NotSupported: The file is no UTF-8 CSV, or an option is not part of this version.
        NoItems: The file has no rows.
    """
    defaults = BatchImport(upload_id=params.upload_id)
    accepted = {"encoding": {None, "utf-8", "utf8", "utf-8-sig"}, "delimiter": {None, ","}}
    for name in BatchImport.model_fields:
        value = getattr(params, name)
        value = value.lower() if name == "encoding" and value else value
        if value != getattr(defaults, name) and value not in accepted.get(name, ()):
            shown = BatchImport.model_fields[name].alias
            raise NotSupported(f"{_CSV_ONLY}, with its first row as header; leave “{shown}” out.")
    files = FileStore.from_url(Settings.from_env().storage_url)
    try:
        upload = uploads.find(files, params.upload_id)
    except uploads.UploadNotFound as error:
        raise InvalidParams(error.message, [Detail("uploadId", error.code, error.message)]) from None
    _check_bytes(files, upload)
    _check_table(files, upload)
    return Prepared(params)


def prepare_export(params: Export) -> Prepared:
    """
    Raises:
        NotSupported: Anything but CSV in UTF-8.
        NoItems: The filter selects nothing.
    """
    if params.format != "csv":
        raise NotSupported(f"Export as {params.format} is not part of this version; ask for csv.")
    if params.encoding == "cp949":
        raise NotSupported("Export in cp949 is not part of this version; utf-8-sig opens in Excel too.")
    if not selection.count(params.filter):
        raise NoItems("No word fits the filter, so there is nothing to export.")
    return Prepared(params)


def _prepare_words(params: Params, warnings: list[dict[str, Any]]) -> Prepared:
    if (params.word_ids is None) == (params.filter is None):
        message = "Say which words: give wordIds or filter" + (", not both." if params.filter is not None else ".")
        raise InvalidParams(message, [Detail("wordIds", "word_ids_or_filter", message)])
    if params.filter is not None:
        ids = _ids(selection.ids(params.filter))
        if not ids:
            raise NoItems("No word fits the filter.")
        return Prepared(params.model_copy(update={"word_ids": ids}), tuple(warnings))
    given = params.word_ids or ()
    if not given:
        raise NoItems("wordIds is empty; name at least one word.")
    ids = tuple(dict.fromkeys(given))
    if doubles := len(given) - len(ids):
        message = f"{doubles} of the {len(given)} ids were there twice; each word is done once."
        warnings = [*warnings, {"code": "duplicate_ids", "count": doubles, "message": message}]
    return Prepared(params.model_copy(update={"word_ids": ids}), tuple(warnings))


def _ids(found: Iterator[str]) -> tuple[str, ...]:
    ids = tuple(islice(found, MOST_WORDS + 1))
    if len(ids) > MOST_WORDS:
        message = (
            f"The filter selects more than {MOST_WORDS} words, the most of one job. Narrow it, by level for example."
        )
        raise InvalidParams(message, [Detail("filter", "too_many", message)])
    return ids


def _only_offline(key: str) -> None:
    """Who gives a key wants the provider behind it, and must not get the offline one's work unasked."""
    if os.environ.get(key):
        raise NotSupported(f"{key} is set, but paid providers are not part of this version; unset it to work offline.")


def _check_bytes(files: FileStore, upload: uploads.Upload) -> None:
    with files.open(upload.file) as stream:
        start = stream.read(SEEN_BYTES)
    for signature, what in _OTHER_FORMATS.items():
        if start.startswith(signature):
            raise NotSupported(f"{_CSV_ONLY}; “{upload.name}” is {what}. Save it as “CSV UTF-8” and upload that.")
    try:
        # Incremental: a letter that the end of what was read cuts in two is no fault of the file.
        codecs.getincrementaldecoder("utf-8")().decode(start, final=len(start) < SEEN_BYTES)
    except UnicodeDecodeError:
        raise NotSupported(
            f"{_CSV_ONLY}; “{upload.name}” is in another encoding. Save it as “CSV UTF-8” and upload that."
        ) from None


def _check_table(files: FileStore, upload: uploads.Upload) -> None:
    try:
        with files.open(upload.file) as stream:
            table = parts.read_table(stream)
            _, header = next(table, (0, []))
            if not header:
                raise NoItems(f"“{upload.name}” is empty.")
            rows.find_columns(header)
            if next(table, None) is None:
                raise NoItems(f"“{upload.name}” has a header, but no rows.")
    except rows.BadHeader as error:
        details = [
            Detail("uploadId", "missing_column", f"The column {rows.SHOWN[name]} is missing.") for name in error.missing
        ]
        details += [
            Detail("uploadId", "double_column", f"More than one column is {rows.SHOWN[name]}.")
            for name in error.doubled
        ]
        raise InvalidParams(str(error), details) from None
    except csv.Error as error:
        message = f"“{upload.name}” cannot be read as CSV: {error}. Look for a quote that is never closed."
        raise InvalidParams(message, [Detail("uploadId", "bad_csv", message)]) from None
