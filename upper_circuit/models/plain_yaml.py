"""
YAML that is data and nothing else.

A manifest is read before anything about it is proven, and PyYAML alone is no gate: 100,000 opening brackets kill the
process inside libyaml's composer (tried), an alias of aliases grows without end, and of a key given twice the last one
wins without a word. So the text is read as events first, which need no recursion, and only plain text is built.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import yaml

_DEPTH = 16


class NotPlainError(ValueError):
    """The text is no YAML, or more than data."""


_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Builder(_Loader):  # type: ignore[misc]  # libyaml's where PyYAML was built with it
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """As PyYAML, but a key stands once."""
        seen: set[str] = set()
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise NotPlainError(f"line {line}: a key must be a word")
            if key.value in seen:
                raise NotPlainError(f"line {line}: key {key.value!r} stands twice")
            seen.add(key.value)
        built: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return built


def load(text: str) -> dict[str, Any]:
    """The mapping a text holds; at most 16 levels deep, no aliases, no tags, no key twice."""
    try:
        _require_plain(text)
        document = yaml.load(text, Loader=_Builder)  # noqa: S506  # a safe loader, made stricter
    except (yaml.YAMLError, ValueError) as error:  # ValueError: also a date such as 2025-02-31
        raise NotPlainError(" ".join(str(error).split())) from error
    if not isinstance(document, dict) or not all(isinstance(key, str) for key in document):
        raise NotPlainError(f"a mapping of names is wanted, not {type(document).__name__}")
    return document


def dump(document: Mapping[str, Any]) -> str:
    """The text of a mapping: keys in their order, lists of plain values on few lines, floats to their last bit."""
    text: str = yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=110, allow_unicode=True
    )
    return text


def _require_plain(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        line = event.start_mark.line + 1 if event.start_mark else 0
        if depth > _DEPTH:
            raise NotPlainError(f"line {line}: more than {_DEPTH} levels deep")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise NotPlainError(f"line {line}: aliases are not allowed")
        if getattr(event, "tag", None) is not None:
            raise NotPlainError(f"line {line}: tags are not allowed")
