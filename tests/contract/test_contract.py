"""Every operation is answered once for every documented status; what is answered fits its schema."""

from __future__ import annotations

import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import validate
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012
from werkzeug.test import TestResponse

from vocaqueue.admin.openapi import document
from vocaqueue.admin.operation import ROLES

from .cases import BODIES, CASES
from .conftest import BASE, World

HERE = "urn:openapi"
CHANGES = {"post", "put", "patch", "delete"}


@pytest.fixture
def described(world: World) -> dict[str, Any]:
    """The document of the API, with the words that the service adds."""
    made = world.get("/openapi.json").json
    of_words = document(world.app, "/api/words")
    for path, methods in of_words["paths"].items():
        for method in methods.values():
            method["operationId"] = f"words.{method['operationId']}"
        made["paths"]["/api/words" + path.removesuffix("/")] = methods
    made["components"]["schemas"] |= of_words["components"]["schemas"]
    return made


def operations(described: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, name, method) for path, methods in described["paths"].items() for name, method in methods.items()]


def call(world: World, path: str, method: str, operation: dict[str, Any], status: str) -> TestResponse:
    """The call that brings this status."""
    name = operation["operationId"]
    own = CASES[name]
    if int(status) in own:
        return own[int(status)](world)
    verb, where = method.upper(), re.sub(r"{\w+}", "no-such", path)
    options: dict[str, Any] = {"json": BODIES.get(name, {})} if method in CHANGES else {}
    match status:
        case "304":
            first = own[200](world)
            where, options = first.request.path, {"headers": {"If-None-Match": first.headers["ETag"]}}
        case "400" if method in CHANGES:
            options = {"data": b"{", "content_type": "application/json"}
        case "400":
            where = f"{where}?{_argument(operation)}=%00"
        case "401":
            options["role"] = None
        case "403":
            options["role"] = _too_low(operation)
        case "429":
            options["role"] = "hasty"
        case "413":
            options["environ_overrides"] = {"CONTENT_LENGTH": str(64 * 1024**2 + 1)}
        case "414":
            where = f"{where}?{_argument(operation)}={'x' * 9000}"
        case "415":
            options = {"data": b"x", "content_type": "text/plain"}
        case "422":
            where = f"{where}?nonsense=1"
        case "503":
            return own[min(own)](_Away(world))  # type: ignore[arg-type]
    return world.call(verb, where, **options)


class _Away:
    """The same world to look at, where every call goes to the application whose job store does not answer."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world, name)

    def call(self, method: str, path: str, **options: Any) -> TestResponse:
        headers = options.pop("headers", {}) | {"X-Ask": "1"}
        return self._world.call(method, path, app=self._world.away, headers=headers, **options)

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.call("GET", path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> TestResponse:
        return self.call("POST", path, **({} if body is None else {"json": body}), **options)


def _argument(operation: dict[str, Any]) -> str:
    return next(argument["name"] for argument in operation["parameters"] if argument["in"] == "query")


def _too_low(operation: dict[str, Any]) -> str:
    needed = re.findall(r"Role: (\w+)", operation["description"])[-1]
    return ROLES[ROLES.index(needed) - 1] if needed != "viewer" else "banned"


def unlike_its_head(world: World, answer: TestResponse) -> list[str]:
    """What HEAD says otherwise than GET."""
    asked = answer.request
    head = world.call("HEAD", asked.path, query_string=asked.query_string.decode())
    head.close()
    same = ("Content-Type", "ETag", "Cache-Control", "Content-Disposition")
    if head.status_code != 200 or head.data:
        return [f"HEAD {asked.path}: {head.status_code}, {len(head.data)} bytes"]
    return [f"HEAD {asked.path}: another {name}" for name in same if head.headers.get(name) != answer.headers.get(name)]


def check(described: dict[str, Any], path: str, method: str, status: str, answer: TestResponse) -> None:
    """Its media type is documented, its body fits, its headers are there."""
    responses = described["paths"][path][method]["responses"]
    said, pointer = responses[status], f"/paths/{path.replace('/', '~1')}/{method}/responses/{status}"
    if "$ref" in said:
        pointer = said["$ref"].removeprefix("#")
        said = described["components"]["responses"][status]
    for name in said.get("headers", {}):
        assert name in answer.headers, f"the header {name} is documented"
    kind = answer.mimetype
    if "content" not in said:
        assert answer.data == b""
        return
    assert kind in said["content"] or "*/*" in said["content"], f"{kind} is not among {list(said['content'])}"
    if kind == "application/json" and said["content"][kind]["schema"]:
        where = f"{HERE}#{pointer}/content/application~1json/schema"
        registry = Registry().with_resource(HERE, Resource(described, DRAFT202012))
        checker = Draft202012Validator({"$ref": where}, registry=registry, format_checker=FormatChecker())
        problems = [f"{error.json_path}: {error.message[:300]}" for error in checker.iter_errors(answer.json)]
        assert not problems, problems


def test_the_document_is_openapi_3_1(world, described):
    """
    It passes an OpenAPI 3.1 validator, says where it is mounted, and names every operation once.
    """
    made = world.get("/openapi.json").json
    validate(made)
    assert made["servers"] == [{"url": BASE}]
    names = [operation["operationId"] for _, _, operation in operations(described)]
    assert len(names) == len(set(names))


def test_every_documented_status_is_answered_as_documented(world, described):
    """
    Each operation is called once for each status that it documents, gets it, and the answer fits; GET's HEAD too.
    """
    wrong = []
    for path, method, operation in operations(described):
        name = operation["operationId"]
        if name not in CASES:
            wrong.append(f"{name}: add its calls to tests/contract/cases.py")
            continue
        for status in operation["responses"]:
            try:
                answer = call(world, path, method, operation, status)
                assert answer.status_code == int(status), f"answers {answer.status_code} {answer.data[:200]!r}"
                check(described, path, method, status, answer)
                answer.close()
                if (method, status) == ("get", "200"):
                    wrong += unlike_its_head(world, answer)
            except Exception as problem:
                wrong.append(f"{name} {status}: {type(problem).__name__} {str(problem)[:600]}")
    assert not wrong, f"{len(wrong)} answers are not as documented:\n" + "\n".join(wrong)


def test_no_case_is_left_of_what_is_not_documented(described):
    """
    A case for a status or an operation that is not documented would be an undocumented answer.
    """
    documented = {o["operationId"]: {int(status) for status in o["responses"]} for _, _, o in operations(described)}
    assert {name: set(cases) - documented.get(name, set()) for name, cases in CASES.items()} == {
        name: set() for name in CASES
    }


def test_every_job_type_has_its_own_body(described):
    """
    Each type's address takes the type's own fields and the general ones; only one that reads a file takes multipart.
    """
    for name, own in (("image-generation", "strictStyle"), ("export", "columns"), ("toy", "ids"), ("cleanup", "what")):
        content = described["paths"][f"/jobs/{name}"]["post"]["requestBody"]["content"]
        schema = described["components"]["schemas"][content["application/json"]["schema"]["$ref"].rpartition("/")[2]]
        assert {own, "priority", "delay", "runAt", "deadlineSeconds", "unique", "name", "labels"} <= set(
            schema["properties"]
        )
        assert schema["additionalProperties"] is False
        assert set(content) == {"application/json"}
    upload = described["paths"]["/jobs/batch-import"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert "file" in upload["required"]
    assert "uploadId" not in upload["properties"]
