"""OpenAPI documents: what they allow, and what changed between two of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import yaml

API = Path(__file__).parents[2] / "docs" / "api"


def read(name: str) -> dict[str, Any]:
    """A description in docs/api."""
    found: dict[str, Any] = yaml.safe_load((API / name).read_text(encoding="utf-8"))
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and operation of every route."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def validate(document: dict[str, Any], schema: dict[str, Any], value: Any) -> None:
    """Raise unless a value is what a schema of the document describes."""
    whole = {**schema, "components": document["components"]}
    jsonschema.validate(value, whole, format_checker=jsonschema.FormatChecker())


def answer_schema(document: dict[str, Any], method: str, path: str, status: int) -> dict[str, Any]:
    """The schema of a JSON answer."""
    response = document["paths"][path][method]["responses"][str(status)]
    found: dict[str, Any] = response["content"]["application/json"]["schema"]
    return found


def examples(document: dict[str, Any], content: dict[str, Any]) -> list[Any]:
    """The examples of a content, references followed."""
    found = [content["example"]] if "example" in content else []
    for each in content.get("examples", {}).values():
        named = each.get("$ref", "").rpartition("/")[2]
        found.append((document["components"]["examples"][named] if named else each)["value"])
    return found


def breaks(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What a client written for the old document would stumble over in the new one.

    Gone: a path, a method, a status, a field of an answer, a parameter, a field of a question. New and needed: a
    parameter or a field of a question. Another type of either.
    """
    found = []
    for method, path, operation in operations(old):
        now = new["paths"].get(path, {}).get(method)
        where = f"{method.upper()} {path}"
        if now is None:
            found.append(f"{where} is gone")
            continue
        found += _parameters(where, operation, now)
        before, after = (_content(each.get("requestBody", {})) for each in (operation, now))
        found += _fields(f"{where} question", old, new, before, after, asked=True)
        for status, response in operation["responses"].items():
            if status not in now["responses"]:
                found.append(f"{where} status {status} is gone")
            else:
                schemas = _content(response), _content(now["responses"][status])
                found += _fields(f"{where} {status}", old, new, *schemas, asked=False)
    return found


def _parameters(where: str, old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    before, after = (
        {(each["in"], each["name"]): each for each in operation.get("parameters", [])}
        for operation in (old, new)
    )
    gone = [f"{where} parameter {name} is gone" for at, name in before if (at, name) not in after]
    needed = [
        f"{where} parameter {name} is needed now"
        for (at, name), each in after.items()
        if each.get("required") and not before.get((at, name), {}).get("required")
    ]
    return gone + needed


def _content(response: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = response.get("content", {}).get("application/json", {}).get("schema", {})
    return found


def _resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def _fields(
    where: str,
    old: dict[str, Any],
    new: dict[str, Any],
    before: dict[str, Any],
    after: dict[str, Any],
    *,
    asked: bool,
) -> list[str]:
    before, after = _resolved(old, before), _resolved(new, after)
    if before.get("type") != after.get("type"):
        return [f"{where} is {after.get('type')} now, it was {before.get('type')}"]
    found = []
    for name, schema in before.get("properties", {}).items():
        now = after.get("properties", {}).get(name)
        if now is None:
            found.append(f"{where} field {name} is gone")
        else:
            found += _fields(f"{where} {name}", old, new, schema, now, asked=asked)
    needed, were = set(after.get("required", [])), set(before.get("required", []))
    if asked:
        found += [f"{where} field {name} is needed now" for name in sorted(needed - were)]
    else:
        found += [f"{where} field {name} may be absent now" for name in sorted(were - needed)]
    if "items" in before:
        found += _fields(f"{where} item", old, new, before["items"], after.get("items", {}), asked=asked)
    return found
