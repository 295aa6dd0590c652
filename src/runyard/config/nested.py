"""Settings as nested mappings: some of them changed, and what differs between two of them."""

from collections.abc import Iterator, Sequence
from typing import Any

from runyard.config.yaml_text import read_yaml
from runyard.core.errors import Invalid, Problem


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return nested settings with some of them changed; a part that becomes one of another kind is replaced."""
    result = dict(base)
    for name, value in changes.items():
        inner = result.get(name)
        if isinstance(inner, dict) and isinstance(value, dict) and _same_kind(inner, value):
            result[name] = merged(inner, value)
        else:
            result[name] = value
    return result


def _same_kind(inner: dict[str, Any], value: dict[str, Any]) -> bool:
    return all(value.get(key, inner.get(key)) == inner.get(key) for key in ("kind", "model_type"))


def differences(before: dict[str, Any], after: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield what differs between two settings: where, before and after; None stands for what is not there."""
    for name in dict.fromkeys((*before, *after)):
        old, new, where = before.get(name), after.get(name), f"{path}{name}"
        if {type(old), type(new)} <= {dict, type(None)} and (old or new):
            yield from differences(old or {}, new or {}, f"{where}.")
        elif old != new:
            yield where, old, new


def from_pairs(pairs: Sequence[str], *, where: str) -> dict[str, Any]:
    """Return `a.b=1` and the like as nested mappings; values are read as in the YAML.

    Raises:
        Invalid: with every pair that is none.
    """
    problems = [Problem(where, f"{pair!r} is not KEY=VALUE") for pair in pairs if not pair.partition("=")[0].strip()]
    problems += [Problem(where, f"{pair!r} is not KEY=VALUE") for pair in pairs if "=" not in pair]
    if problems:
        raise Invalid("What shall be changed cannot be read.", problems=problems)
    found: dict[str, Any] = {}
    for pair in pairs:
        key, _, text = pair.partition("=")
        *sections, last = key.strip().split(".")
        inner = found
        for section in sections:
            inner = inner.setdefault(section, {})
            if not isinstance(inner, dict):
                raise Invalid("What shall be changed contradicts itself.", problems=[Problem(key, "is set twice")])
        inner[last] = read_yaml(f"value: {text}\n")["value"]
    return found
