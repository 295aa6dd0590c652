"""Mistakes in plain words: where, what, what is allowed, and what was probably meant."""

import copy
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from runyard.config.part import Part
from runyard.core.errors import Problem

_LATER = """
    lion
    precision recall rouge
"""
LATER_KINDS = frozenset(_LATER.split())
_TAGS = ("kind", "model_type")


def did_you_mean(word: object, known: Sequence[str]) -> str:
    """Return `; did you mean x?` for a near miss, else nothing."""
    close = get_close_matches(str(word).lower(), known, n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""


def not_possible(value: object, allowed: Sequence[str]) -> str:
    """Say that a value cannot be chosen: unknown, misspelt, or planned for a later version."""
    if isinstance(value, str) and value in LATER_KINDS:
        return f"{value!r} is not in this version"
    return f"{value!r} is not possible{did_you_mean(value, allowed)}"


def problems_of(error: ValidationError, model: type[Part]) -> list[Problem]:
    """Translate all errors of pydantic."""
    return [problem for line in error.errors(include_url=False) for problem in _translated(line, model)]


def without(values: dict[str, Any], error: ValidationError, model: type[Part]) -> dict[str, Any]:
    """Return the values with the wrong ones left out, as far as that goes."""
    kept = copy.deepcopy(values)
    for line in error.errors(include_url=False):
        path, _, _ = _locate(line["loc"], model)
        parent: dict[Any, Any] = kept
        for key in path:
            below = parent.get(key)
            if isinstance(below, dict) and key != path[-1]:
                parent = below
            else:
                parent.pop(key, None)
                break
    return kept


def _translated(line: ErrorDetails, model: type[Part]) -> Iterator[Problem]:
    path, owners, allowed = _locate(line["loc"], model)
    where, given, context = ".".join(map(str, path)), line.get("input"), line.get("ctx", {})
    match line["type"]:
        case "contradictions":
            yield from context["problems"]
        case "extra_forbidden":
            known = tuple(sorted({name for owner in owners for name in owner.model_fields}))
            yield Problem(where, f"there is no such key{did_you_mean(path[-1], known)}", known)
        case "missing":
            yield Problem(where, "is missing")
        case "union_tag_invalid" | "union_tag_not_found":
            tag = str(context["discriminator"]).strip("'")
            kinds = tuple(owner.model_fields[tag].default for owner in owners)
            message = not_possible(context["tag"], kinds) if "tag" in context else f"needs a {tag}"
            yield Problem(f"{where}.{tag}" if tag == "model_type" else where, message, kinds)
        case "literal_error":
            where = where.removesuffix(".kind")
            yield Problem(where, not_possible(given, allowed), allowed)
        case "model_type" | "model_attributes_type" | "dict_type":
            yield Problem(where, f"must be a block of keys, is {_shown(given)}")
        case "class_weights" | "words":
            yield Problem(where, line["msg"])
        case _:
            message = line["msg"].replace("Input should be", "must be")
            yield Problem(where, f"{message[0].lower()}{message[1:]}, is {_shown(given)}")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _locate(loc: tuple[int | str, ...], model: type[Part]) -> tuple[list[int | str], list[type[Part]], tuple[str, ...]]:
    """Return the path as its writer sees it, the models at its end and the allowed words."""
    path: list[int | str] = []
    owners: list[type[Part]] = [model]
    reached: list[type[Part]] = [model]
    annotation: Any = None
    is_map = False
    for key in loc:
        tagged = [part for part in reached if key in _tags_of(part)]
        if len(reached) > 1 and tagged:
            reached = tagged
            continue
        path.append(key)
        owners = reached
        fields = [part.model_fields[key] for part in reached if isinstance(key, str) and key in part.model_fields]
        annotation = fields[0].annotation if fields else annotation
        if is_map and not fields:  # the name of an entry: what comes next is inside it
            is_map = False
            continue
        is_map = any(get_origin(field.annotation) is dict for field in fields)
        reached = [part for field in fields for part in _parts_in(field.annotation)]
    return path, reached or owners, tuple(map(str, _words_in(annotation)))


def _tags_of(part: type[Part]) -> list[Any]:
    return [part.model_fields[tag].default for tag in _TAGS if tag in part.model_fields]


def _parts_in(annotation: Any) -> Iterator[type[Part]]:
    if isinstance(annotation, type) and issubclass(annotation, Part):
        yield annotation
    else:
        for inner in get_args(annotation):
            yield from _parts_in(inner)


def _words_in(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
    else:
        for inner in get_args(annotation):
            yield from _words_in(inner)
