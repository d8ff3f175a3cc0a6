"""What schemathesis loads: a check of ours, and a wait that is not waited for."""

from __future__ import annotations

from typing import Any

import schemathesis

TRACES = (b"Traceback (most recent call last)", b'File "/', b"werkzeug.debug")

LONGEST = 500  #: characters of an argument; more than any that is taken


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    """
    Nobody waits for a wait, and no address is longer than a server's parser takes.

    That one is refused in our envelope as well is what `tests/api/test_parser_errors.py` says.
    """
    case.query = {
        name: value[:LONGEST] if isinstance(value, str) else value for name, value in (case.query or {}).items()
    }
    if case.path.endswith("/wait") and str((case.query or {}).get("timeout", "30")).isdigit():
        case.query = {**(case.query or {}), "timeout": 0}


@schemathesis.check
def no_trace(_context: Any, response: Any, _case: Any) -> None:
    """No answer shows where in the code it comes from."""
    found = [trace for trace in TRACES if trace in response.content]
    assert not found, f"the answer holds {found[0]!r}"


@schemathesis.check
def never_html(_context: Any, response: Any, case: Any) -> None:
    """Errors are JSON, but on the page that signs in."""
    kind = (response.headers.get("content-type") or [""])[0]
    if response.status_code >= 400 and not case.path.startswith("/login"):
        assert kind.startswith("application/json"), f"an error as {kind or 'nothing'}"
