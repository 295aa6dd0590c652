"""YAML in: safe, without repeated keys, numbers like 3e-4 as numbers, and errors with their line."""

import re
from pathlib import Path
from typing import Any

import yaml

from runyard.core.errors import Invalid, NotFound
from runyard.core.paths import expanded

_LARGEST = 1_000_000


def _error(message: str, mark: yaml.Mark) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError(None, None, message, mark)


class _Loader(yaml.SafeLoader):
    """SafeLoader with the floats of YAML 1.2, without repeated keys and without anchors."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise _error("anchors and aliases are not used here", event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, list | dict):
                raise _error("a key must be a word or a number", key_node.start_mark)
            if key in seen:
                raise _error(f"the key {key!r} stands here twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9_]+)[eE][-+]?[0-9]+$"),
    list("-+0123456789."),
)


def read_yaml(source: str | Path) -> Any:
    """Return the values of a YAML file, or of a YAML text.

    Raises:
        NotFound: there is no such file.
        Invalid: it cannot be read; with the line of a syntax error.
    """
    if isinstance(source, str) and ("\n" in source or ": " in source or source.strip() in ("", "{}")):
        return _parse(source, "the configuration")
    path = expanded(source)
    try:
        data = path.read_bytes() if path.stat().st_size <= _LARGEST else None
    except FileNotFoundError:
        raise NotFound(f"There is no file {path}.", hint="examples/train.yaml is a start.") from None
    except (OSError, ValueError) as error:
        raise Invalid(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    if data is None:
        raise Invalid(f"{path} is larger than 1 MB.", hint="A configuration is a short YAML file.")
    try:
        return _parse(data.decode("utf-8-sig"), path.name)
    except UnicodeDecodeError as error:
        raise Invalid(f"{path} is not UTF-8 text (byte {error.start}).") from error


def _parse(text: str, name: str) -> Any:
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise Invalid(f"YAML error in {name}{where}: {error.problem or error.context}.") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Invalid(f"YAML error in {name}: {error}.") from error
