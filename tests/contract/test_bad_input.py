"""Nonsense through every route: always our JSON, never a trace, never a 5xx."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.test import TestResponse

from .conftest import BASE, World
from .test_contract import CHANGES, described, operations  # noqa: F401

JSON = "application/json"
DEEP = 100_000
#: name -> (body, media type, statuses that it may get)
BODIES: dict[str, tuple[bytes, str, set[int]]] = {
    "lists nested without end": (b"[" * DEEP, JSON, {400}),
    "lists nested deep and closed": (b"[" * DEEP + b"]" * DEEP, JSON, {400, 422}),
    "objects nested without end": (b'{"a":' * DEEP, JSON, {400}),
    "a name twice": (b'{"a": 1, "a": 2}', JSON, {400}),
    "a name twice, deep": (b'{"a": [{"b": {"c": 1, "c": 1}}]}', JSON, {400}),
    "a NUL": (b'{"name": "\\u0000"}', JSON, {400}),
    "half a letter": (b'{"name": "\\ud800"}', JSON, {400}),
    "half a letter as a name": (b'{"\\udfff": 1}', JSON, {400}),
    "not UTF-8": (b'{"name": "\xff"}', JSON, {400}),
    "half a letter in UTF-8": (b'{"name": "\xed\xa0\x80"}', JSON, {400}),
    "UTF-16": ('{"name": "a"}'.encode("utf-16"), JSON, {400}),
    "UTF-16 without a mark": ('{"name": "a"}'.encode("utf-16-le"), JSON, {400}),
    "half an object": (b"{", JSON, {400}),
    "two objects": (b"{}{}", JSON, {400}),
    "NaN": (b'{"a": NaN}', JSON, {400}),
    "a number of 5,000 digits": (b'{"a": ' + b"9" * 5000 + b"}", JSON, {400}),
    "an infinite number": (b'{"a": 1e999}', JSON, {422}),
    "a list": (b"[]", JSON, {422}),
    "null": (b"null", JSON, {422}),
    "an unknown field": (b'{"no_such_field": 1}', JSON, {422}),
    "a text": (b"hello", "text/plain", {415}),
    "HTML": (b"<p>hello", "text/html", {415}),
    "XML": (b"<a/>", "application/xml", {415}),
    "a form": (b"a=1", "application/x-www-form-urlencoded", {415}),
    "no media type": (b'{"a": 1}', "", {415}),
    "half a multipart body": (b"--x\r\nContent-Disp", "multipart/form-data; boundary=x", {415, 422}),
    "multipart without a boundary": (b"--x--", "multipart/form-data", {415, 422}),
}
#: What an id may be in an address, and is not.
IDS = (
    "a%2Fb", "..%2F..%2F..%2Fetc%2Fpasswd", "%2e%2e%2f", "%00", "a%00b", "%0d%0aX-Evil:%20yes", "%0aSet-Cookie:%20a=b",
    "%ED%A0%80", "%FF%FE", "%zz", "%", "%25", "%20", "한국어", "🐈", "x" * 5000, "'--", "{{7*7}}", "<script>", "*", "?",
    "..", "-1", "null", "__proto__", "toy-*", "{vq}:job:a", "\\",
)  # fmt: skip
QUERIES = (
    "page=-1", "page=0", "page=1e9", "page=99999999999999999999", "limit=1e9", "limit=-1", "limit=101", "limit=0x10",
    "limit=", "page=1&page=2", "page=%EF%BC%91", "pagee=1", "page[]=1", "=1", "%00=1",
)  # fmt: skip


def sound(answer: TestResponse, where: str) -> list[str]:
    """What is wrong with an answer to nonsense."""
    text = answer.get_data()
    found = []
    if answer.status_code >= 500 and answer.status_code != 501:
        found.append(f"{where}: {answer.status_code}")
    if answer.status_code >= 400:
        if answer.mimetype != JSON:
            found.append(f"{where}: {answer.status_code} as {answer.mimetype}")
        elif set(answer.json) != {"success", "error"} or set(answer.json["error"]) != {"code", "message", "details"}:
            found.append(f"{where}: not our envelope")
    if b"Traceback" in text:
        found.append(f"{where}: a trace")
    if "X-Evil" in answer.headers or "Set-Cookie" in answer.headers:
        found.append(f"{where}: a header was let in")
    return found


def changes(found: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, method, operation in operations(found):
        if method in CHANGES and "501" not in {min(operation["responses"])} and "422" in operation["responses"]:
            yield re.sub(r"{\w+}", "toy-1", path), method, operation


def test_a_senseless_body_is_refused_by_every_route(world: World, described: dict[str, Any]):  # noqa: F811
    """
    Each changing route answers it with the status that says what it is, before anything else is looked at.
    """
    wrong = []
    for path, method, _operation in changes(described):
        for name, (body, kind, wanted) in BODIES.items():
            answer = world.call(method.upper(), path, data=body, content_type=kind or None)
            wrong += sound(answer, f"{method} {path}, {name}")
            if answer.status_code not in wanted:
                wrong.append(f"{method} {path}, {name}: {answer.status_code} {answer.get_data()[:150]!r}")
    assert not wrong, "\n".join(wrong)
    assert world.queue.jobs().total == 0


def test_an_unknown_field_is_named_with_the_one_that_was_meant(world: World, described: dict[str, Any]):  # noqa: F811
    """
    Every route that takes fields says which is unknown; a slip of the pen gets “did you mean”.
    """
    schemas = described["components"]["schemas"]
    checked = 0
    for path, method, operation in changes(described):
        name = operation["requestBody"]["content"][JSON]["schema"]["$ref"].rpartition("/")[2]
        for field in list(schemas[name].get("properties", {}))[:2]:
            slip = field + field[-1]
            answer = world.call(method.upper(), path, json={slip: 1})
            details = {detail["field"]: detail["message"] for detail in answer.json["error"]["details"]}
            assert (answer.status_code, f"did you mean “{field}”?" in details[slip]) == (422, True), (
                path,
                slip,
                details,
            )
            checked += 1
    assert checked > 20


def test_a_senseless_id_is_not_found(world: World, described: dict[str, Any]):  # noqa: F811
    """
    Slashes, breaks of lines, NULs, half letters, 5,000 characters: 404 in JSON, and nothing of it in a header.
    """
    wrong = []
    for path, method, operation in operations(described):
        if "{" not in path:
            continue
        for given in IDS:
            where = re.sub(r"{\w+}", given.replace("\\", "\\\\"), path)
            body = {"json": {}} if method in CHANGES else {}
            answer = world.call(method.upper(), where, **body)
            wrong += sound(answer, f"{method} {path} {given[:30]}")
            allowed = {404, 405, 422, 501} | ({200, 204, 304} if given in {"?", "..", "%2e%2e%2f"} else set())
            if answer.status_code not in allowed:
                wrong.append(f"{method} {path} {given[:30]!r}: {answer.status_code} {answer.get_data()[:120]!r}")
            answer.close()
        del operation
    assert not wrong, "\n".join(wrong)


def test_a_senseless_query_is_422_and_named(world: World, described: dict[str, Any]):  # noqa: F811
    """
    On every address that takes a page: negative, huge, twice, misspelled, not ASCII.
    """
    wrong = []
    lists = [path for path, method, operation in operations(described)
             if any(argument["name"] == "page" for argument in operation.get("parameters", []))]  # fmt: skip
    assert len(lists) >= 6
    for path in lists:
        for query in QUERIES:
            answer = world.get(f"{re.sub(r'{.*?}', 'toy-1', path)}?{query}")
            wrong += sound(answer, f"{path}?{query}")
            if answer.status_code != 422 or not answer.json["error"]["details"]:
                wrong.append(f"{path}?{query}: {answer.status_code} {answer.get_data()[:150]!r}")
    assert not wrong, "\n".join(wrong)


def test_a_method_that_an_address_does_not_have_is_405(world: World, described: dict[str, Any]):  # noqa: F811
    """
    With Allow, which says what it has, and OPTIONS says the same.
    """
    wrong = []
    for path, methods in described["paths"].items():
        where = re.sub(r"{\w+}", "toy-1", path)
        allowed = set(world.call("OPTIONS", where).headers["Allow"].split(", "))
        has = {method.upper() for method in methods} | ({"HEAD"} if "get" in methods else set()) | {"OPTIONS"}
        if allowed != has:
            wrong.append(f"{path}: OPTIONS says {allowed}, documented are {has}")
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - has:
            answer = world.call(method, where)
            wrong += sound(answer, f"{method} {path}")
            overlaps = path.startswith("/jobs/") and "{" not in path  # /jobs/{id} fits /jobs/export too: no such job
            if answer.status_code not in (
                {404, 405, 422} if overlaps or (method, path) == ("POST", "/jobs/{jobId}") else {405}
            ):
                wrong.append(f"{method} {path}: {answer.status_code}")
            if answer.status_code == 405 and "Allow" not in answer.headers:
                wrong.append(f"{method} {path}: no Allow")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("key", ["a\r\nX-Evil: yes", "a\nb", "é", "\0", " a", "x" * 256])
def test_a_break_of_lines_in_a_key_gets_into_no_header(world: World, key: str):
    """
    An idempotency key is printable ASCII; anything else is refused, by the server's client or by us.
    """
    try:
        answer = world.post("/jobs/toy", {"ids": ["a"]}, headers={"Idempotency-Key": key})
    except ValueError:  # werkzeug's client does not send a break of lines
        return
    assert answer.status_code == 422
    assert "X-Evil" not in answer.headers


def test_a_name_of_a_file_gets_into_no_header_as_it_is(world: World):
    """
    What a job's file is called stays within Content-Disposition.
    """
    job_id = world.job("completed")
    name = 'a"; filename=evil.html; x="한.csv'
    with world.queue.files.write(f"jobs/{job_id}/{name}") as file:
        file.write(b"word\n")
    listed = world.get(f"/jobs/{job_id}").json["data"]["files"]
    assert listed == [name]
    answer = world.get(f"/jobs/{job_id}/files/{name}")
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].startswith("attachment; filename")
    assert "filename=evil" not in answer.headers["Content-Disposition"].replace('\\"; filename=evil', "")


def test_the_whole_error_is_json_that_can_be_read(world: World):
    """
    Also where the request's own text is in the message: quotes, controls, half letters.
    """
    answer = world.get('/jobs?status="\x1f%ED%A0%80</script>')
    assert json.loads(answer.get_data())["error"]["code"] == "invalid_params"
    assert BASE
