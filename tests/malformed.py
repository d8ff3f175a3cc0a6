"""Messages that cannot be work, each with the reason under which it is to be set aside."""

from __future__ import annotations

import base64
import json
import uuid
from typing import Any

DEEP = 100_000


def envelope(body: Any, headers: dict[str, Any] | None = None, **properties: Any) -> bytes:
    """A message as kombu's Redis transport stores it; `body` is text as it stands, or whatever JSON takes."""
    text = body if isinstance(body, str) else json.dumps(body)
    known = {"lang": "py", "task": "toy", "id": uuid.uuid4().hex, "retries": 0, "timelimit": [None, None], "eta": None}
    return json.dumps(
        {
            "body": base64.b64encode(text.encode()).decode(),
            "content-encoding": "utf-8",
            "content-type": properties.pop("content_type", "application/json"),
            "headers": known | (headers or {}),
            "properties": {
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": "toy"},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": str(uuid.uuid4()),
            }
            | properties,
        }
    ).encode()


def changed(raw: bytes, **fields: Any) -> bytes:
    """An envelope with fields replaced; `...` takes one out."""
    message = json.loads(raw) | fields
    return json.dumps({name: value for name, value in message.items() if value is not ...}).encode()


GOOD_BODY = [["toy-none", 1], {}, {}]


def bodies() -> list[tuple[str, Any, dict[str, Any]]]:
    """(reason, body, headers) of messages whose envelope is in order, for any broker."""
    return [
        ("bad_body", "not json", {}),
        ("bad_body", "", {}),
        ("bad_body", "null", {}),
        ("bad_body", "[]", {}),
        ("bad_body", "7", {}),
        ("bad_body", {"args": ["x", 1]}, {}),
        ("bad_body", [["x", 1], {}], {}),
        ("bad_body", ["x", {}, {}], {}),
        ("bad_body", [["x", 1], None, {}], {}),
        ("bad_body", [["x", 1], {}, ["callbacks"]], {}),
        ("too_deep", "[" * DEEP + "]" * DEEP, {}),
        ("bad_arguments", [[], {}, {}], {}),
        ("bad_arguments", [["toy-none"], {}, {}], {}),
        ("bad_arguments", [["toy-none", 1, 2], {}, {}], {}),
        ("bad_arguments", [["toy-none", "1"], {}, {}], {}),
        ("bad_arguments", [[["toy-none"], 1], {}, {}], {}),
        ("bad_arguments", [["toy-none", True], {}, {}], {}),
        ("bad_arguments", [["toy-none", -1], {}, {}], {}),
        ("bad_arguments", [["toy-none", 1], {"surprise": 1}, {}], {}),
        ("unknown_job", GOOD_BODY, {}),
        ("unknown_task", GOOD_BODY, {"task": "no.such.task"}),
        ("bad_header", GOOD_BODY, {"task": None}),
        ("bad_header", GOOD_BODY, {"task": ["toy"]}),
        ("bad_header", GOOD_BODY, {"id": None}),
        ("bad_header", GOOD_BODY, {"id": ["a"]}),
        ("bad_header", GOOD_BODY, {"timelimit": "soon"}),
        ("bad_header", GOOD_BODY, {"timelimit": [1]}),
        ("bad_header", GOOD_BODY, {"timelimit": ["1", "x"]}),
        ("bad_header", GOOD_BODY, {"timelimit": 5}),
        ("bad_header", GOOD_BODY, {"retries": "many"}),
        ("bad_header", GOOD_BODY, {"eta": "tomorrow"}),
        ("bad_header", GOOD_BODY, {"expires": {"at": 1}}),
        ("bad_header", GOOD_BODY, {"root_id": 5}),
    ]


def redis_messages() -> list[tuple[str, bytes]]:
    """(reason, what stands in the list) of everything that can stand in a queue of Redis."""
    good = envelope(GOOD_BODY)
    raw = [
        ("not_json", b"not json"),
        ("not_json", b""),
        ("not_json", b"\x80\x04\x95"),
        ("not_json", good[:-20]),
        ("not_a_message", b"null"),
        ("not_a_message", b"[]"),
        ("not_a_message", b"7"),
        ("not_a_message", b'"text"'),
        ("too_deep", b"[" * DEEP + b"]" * DEEP),
        ("bad_envelope", b"{}"),
        ("bad_envelope", changed(good, properties=...)),
        ("bad_envelope", changed(good, properties=[])),
        ("bad_envelope", changed(good, properties={})),
        ("bad_envelope", changed(good, properties={"delivery_tag": ["x"]})),
        ("bad_envelope", changed(good, headers=[1])),
        ("no_task", changed(good, headers=...)),
        ("no_task", changed(good, headers={})),
        ("bad_body", changed(good, body=...)),
        ("bad_body", changed(good, body=None)),
        ("bad_body", changed(good, body={"a": 1})),
        ("bad_body", changed(good, body="%%% no base64 %%%")),
        ("unknown_job", changed(good, **{"content-encoding": "no-such"})),  # kombu reads it all the same
        ("bad_content_type", envelope("gASVBQAAAAAAAACMAWGULg==", content_type="application/x-python-serialize")),
        ("bad_content_type", envelope(GOOD_BODY, content_type="text/html")),
        ("bad_body", envelope(GOOD_BODY, {"compression": "application/x-gzip"})),
        ("bad_body", changed(envelope({"task": "toy", "id": "x", "args": "no", "kwargs": {}}), headers={})),
    ]
    return raw + [(reason, envelope(body, headers)) for reason, body, headers in bodies()]
