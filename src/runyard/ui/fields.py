"""What a form needs to know of a pydantic model: fields with titles, bounds and choices, as plain data."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

Widget = Literal["text", "integer", "number", "choice", "toggle", "words", "numbers", "json", "group", "union"]
Shape = tuple[Widget, tuple[type[BaseModel], ...], tuple[str, ...]]


@dataclass(frozen=True)
class FormField:
    """One field: `path` is where its value goes, `parts` the model of a group or the variants of a union."""

    path: str
    name: str
    title: str
    help: str
    widget: Widget
    default: Any
    optional: bool
    advanced: bool
    log_scale: bool = False
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    longest: int | None = None
    required: bool = False
    pattern: str | None = None
    discriminator: str = ""
    parts: tuple[type[BaseModel], ...] = ()


def form_fields(model: type[BaseModel], prefix: str = "") -> list[FormField]:
    """Return the fields of a model in order; a union's own kind is asked by the union, not by the variant."""
    return [
        _form_field(f"{prefix}{name}", name, field)
        for name, field in model.model_fields.items()
        if not (prefix and name in ("kind", "model_type"))
    ]


def kind_of(part: type[BaseModel], discriminator: str) -> str:
    """Return the word that names a variant of a union."""
    return str(get_args(part.model_fields[discriminator].annotation)[0])


def _form_field(path: str, name: str, field: FieldInfo) -> FormField:
    annotation, inner = _unwrapped(field.annotation)
    options = _without_none(annotation)
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    default = None if field.default is PydanticUndefined else field.default
    if field.default_factory is not None:
        default = field.get_default(call_default_factory=True)
    bounds = list(_constraints([*field.metadata, *inner]))
    widget, parts, choices = _widget(options, field)
    return FormField(
        path=path,
        name=name,
        title=field.title or name.replace("_", " ").capitalize(),
        help=field.description or "",
        widget=widget,
        default=default,
        optional=len(options) < len(_members(annotation)),
        advanced=extra.get("group") == "advanced",
        log_scale=extra.get("scale") == "log",
        choices=choices,
        minimum=_first(bounds, "minimum"),
        maximum=_first(bounds, "maximum"),
        longest=_first(bounds, "longest"),
        required=bool(_first(bounds, "shortest")),
        pattern=_first(bounds, "pattern"),
        discriminator=str(field.discriminator or "kind") if widget == "union" else "",
        parts=parts,
    )


def _widget(options: tuple[Any, ...], field: FieldInfo) -> Shape:
    models = tuple(option for option in options if isinstance(option, type) and issubclass(option, BaseModel))
    if models and len(models) == len(options):
        return ("union" if field.discriminator else "group"), models, ()
    if len(options) != 1:
        return "json", (), ()
    option = options[0]
    if get_origin(option) is Literal:
        return "choice", (), tuple(str(choice) for choice in get_args(option))
    if get_origin(option) in (tuple, list):
        return _sequence(_unwrapped(get_args(option)[0])[0])
    simple: dict[Any, Widget] = {bool: "toggle", int: "integer", float: "number", str: "text"}
    return simple.get(option, "json"), (), ()


def _sequence(item: Any) -> Shape:
    if get_origin(item) is Literal:
        return "words", (), tuple(str(choice) for choice in get_args(item))
    if item is str:
        return "words", (), ()
    return ("numbers" if item in (int, float) else "json"), (), ()


def _unwrapped(annotation: Any) -> tuple[Any, list[Any]]:
    """Return an annotation without its outer Annotated layers, and what stood in them."""
    metadata: list[Any] = []
    while get_origin(annotation) is Annotated:
        annotation, *inner = get_args(annotation)
        metadata += inner
    return annotation, metadata


def _members(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(_unwrapped(member)[0] for member in get_args(annotation))
    return (annotation,)


def _without_none(annotation: Any) -> tuple[Any, ...]:
    return tuple(member for member in _members(annotation) if member is not type(None))


def _constraints(metadata: list[Any]) -> Iterator[tuple[str, Any]]:
    for item in metadata:
        if isinstance(item, FieldInfo):
            yield from _constraints(item.metadata)
        if isinstance(item, Ge | Gt):
            yield "minimum", item.ge if isinstance(item, Ge) else item.gt
        if isinstance(item, Le | Lt):
            yield "maximum", item.le if isinstance(item, Le) else item.lt
        if isinstance(item, MaxLen):
            yield "longest", item.max_length
        if isinstance(item, MinLen):
            yield "shortest", item.min_length
        if getattr(item, "pattern", None):
            yield "pattern", item.pattern


def _first(found: list[tuple[str, Any]], name: str) -> Any:
    return next((value for key, value in found if key == name), None)
