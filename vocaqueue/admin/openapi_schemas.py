"""The models of all routes as the schemas of an OpenAPI document."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

from pydantic import BaseModel, TypeAdapter, create_model

from ..registry import JobParams
from .answers import Answer, ErrorBody, Media
from .operation import Operation
from .requests import Nothing, takes_several

REF = "#/components/schemas/"
JSON = "application/json"
MULTIPART = "multipart/form-data"
FORM = "application/x-www-form-urlencoded"


class Error(Answer):
    """What went wrong."""

    success: Literal[False]
    error: ErrorBody


class Schemas:
    """Each model has one name in the document, however many routes use it."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._bodies: dict[int, type[BaseModel]] = {}
        inputs: dict[tuple[Any, str], TypeAdapter[Any]] = {(Error, "serialization"): TypeAdapter(Error)}
        for operation in operations:
            for model in (operation.query, self._body_model(operation)):
                if model is not None:
                    inputs[model, "validation"] = TypeAdapter(model)
            for shape in operation.answers.values():
                models: Iterable[Any] = shape.types.values() if isinstance(shape, Media) else [shape]
                inputs.update({(model, "serialization"): TypeAdapter(model) for model in models if model is not None})
        made, definitions = TypeAdapter.json_schemas(
            [(id(model), mode, adapter) for (model, mode), adapter in inputs.items()],  # type: ignore[misc]
            by_alias=True,
            ref_template=REF + "{model}",
        )
        self._made = {(model, mode): _readable(made[id(model), mode]) for model, mode in inputs}  # type: ignore[index]
        self.definitions: dict[str, Any] = _readable(definitions.get("$defs", {}))
        self._arguments = {
            model: self._resolve(schema) for (model, mode), schema in self._made.items() if mode == "validation"
        }
        self._leave_out_unused(operations)

    def arguments(self, operation: Operation) -> Iterator[dict[str, Any]]:
        """The query's arguments."""
        if operation.query is None:
            return
        schema = self._arguments[operation.query]
        for name, field in operation.query.model_fields.items():
            shown = field.alias or name
            of_field = dict(schema["properties"][shown])
            described = {"name": shown, "in": "query", "required": field.is_required()}
            if text := of_field.pop("description", None):
                described["description"] = text
            of_field.pop("title", None)
            described["schema"] = _not_null(of_field)
            if takes_several(field):
                described |= {"style": "form", "explode": False}
            yield described

    def body(self, operation: Operation) -> dict[str, Any]:
        model = self._body_model(operation) or Nothing
        schema = self._made[model, "validation"]
        content: dict[str, Any] = {FORM if operation.form else JSON: {"schema": schema}}
        if operation.takes_file:
            content[MULTIPART] = {"schema": _with_file(self._resolve(schema))}
        required = any(field.is_required() for field in model.model_fields.values())
        return {"required": required, "content": content}

    def answer(self, operation: Operation, status: int) -> dict[str, Any]:
        """One of the stated answers."""
        shape = operation.answers[status]
        if shape is None:
            return {"description": "Nothing to say.", **_location(operation, status)}
        if isinstance(shape, Media):
            headers = {
                name: {"description": says, "schema": {"type": "string"}} for name, says in shape.headers.items()
            }
            content = {
                kind.partition(";")[0]: {"schema": {} if model is None else self._envelope(model)}
                for kind, model in shape.types.items()
            }
            return {"description": "No envelope.", "content": content} | ({"headers": headers} if headers else {})
        title = getattr(shape, "__doc__", None) or "Done"
        return {
            "description": " ".join(title.split()),
            "content": {JSON: {"schema": self._envelope(shape)}},
            **_location(operation, status),
        }

    def _envelope(self, shape: Any) -> dict[str, Any]:
        return {
            "type": "object",
            "required": ["success", "data"],
            "properties": {"success": {"const": True}, "data": self._made[shape, "serialization"]},
            "additionalProperties": False,
        }

    def _body_model(self, operation: Operation) -> type[BaseModel] | None:
        """Of a form its fields; of a job's type its own parameters, and those that every job may have."""
        if operation.form is not None:
            return operation.form
        body, beside = operation.body, operation.beside
        if beside is None or body is None:
            return body or Nothing
        if id(operation) not in self._bodies:
            more: dict[str, Any] = {
                name: (field.rebuild_annotation(), field)
                for name, field in beside.model_fields.items()
                if name not in body.model_fields
            }
            made = create_model(f"{body.__name__}Request", __base__=body, __doc__=body.__doc__, **more)
            self._bodies[id(operation)] = made
        return self._bodies[id(operation)]

    def _resolve(self, schema: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self.definitions[schema["$ref"].removeprefix(REF)] if "$ref" in schema else schema
        return found

    def _leave_out_unused(self, operations: Sequence[Operation]) -> None:
        """Arguments stand with their routes, so their models are not needed as schemas."""
        for model, mode in self._made:
            if mode == "validation" and isinstance(model, type) and issubclass(model, JobParams):
                schema = self._made[model, mode]
                if model in {operation.query for operation in operations}:
                    self.definitions.pop(schema.get("$ref", "").removeprefix(REF), None)


PAGE = re.compile(r"\bPageOf_(\w+)_$")
#: What pydantic calls a bound where something is checked before it.
BOUNDS = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}


def _readable(schema: Any) -> Any:
    """Bounds as JSON Schema calls them, JobPage for PageOf[Job], and no titles that only say a field's name again."""
    if isinstance(schema, str):
        return PAGE.sub(r"\1Page", schema)
    if isinstance(schema, list):
        return [_readable(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        BOUNDS.get(name, name) if isinstance(part, int | float) else PAGE.sub(r"\1Page", name): _readable(part)
        for name, part in schema.items()
        if not (name == "title" and isinstance(part, str) and "properties" not in schema)
    }


def _not_null(schema: dict[str, Any]) -> dict[str, Any]:
    """An argument is there or not; it is never null."""
    options = [option for option in schema.get("anyOf", []) if option.get("type") != "null"]
    if "anyOf" not in schema:
        return schema
    rest = {name: value for name, value in schema.items() if name not in {"anyOf", "default"}}
    return rest | (options[0] if len(options) == 1 else {"anyOf": options})


def _with_file(schema: dict[str, Any]) -> dict[str, Any]:
    """The same fields with a file in place of an upload's id."""
    properties = {name: value for name, value in schema["properties"].items() if name != "uploadId"}
    properties["file"] = {"type": "string", "contentMediaType": "application/octet-stream"}
    required = [name for name in schema.get("required", []) if name != "uploadId"]
    return schema | {"properties": properties, "required": [*required, "file"], "title": "With the file"}


def _location(operation: Operation, status: int) -> dict[str, Any]:
    if status not in {201, 303} or (status == 201 and not operation.has_location):
        return {}
    schema = {"type": "string", "format": "uri-reference"}
    return {"headers": {"Location": {"description": "Where it is.", "required": True, "schema": schema}}}
