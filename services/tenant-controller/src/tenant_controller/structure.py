"""Check a value against a msgspec type and report every difference with its path; pure.

`msgspec.convert` stops at the first one. Here the whole value is walked, and what is wrong is replaced
by something empty, so that the meaning of the rest can be checked in the same round.
"""

import difflib
import functools
from collections.abc import Hashable, Iterable, Mapping

import msgspec
from msgspec import inspect

from tenantry_common.contracts import Problem

type Path = str

_UNUSABLE = object()
"""Stands for a value of which nothing could be kept."""


def check[T](value: object, kind: type[T]) -> tuple[T | None, tuple[Problem, ...]]:
    """Return `value` as `kind`, and every problem of its structure.

    With problems, what is returned is only good for finding more of them: it has defaults and empty
    values where something was wrong, and is None when not even that could be made.
    """
    walk = _Walk()
    kept = walk.keep(value, _type_info(kind), "$")  # type: ignore[arg-type]  # a class is hashable
    usable = None if kept is _UNUSABLE else msgspec.convert(kept, kind)
    return usable, tuple(walk.problems)


@functools.cache  # it costs more than the walk
def _type_info(kind: Hashable) -> inspect.Type:
    return inspect.type_info(kind)


def hides(structural: Iterable[Problem], other: Problem) -> bool:
    """Say whether `other` may come from what stands in place of something structurally wrong."""
    return any(
        problem.path == other.path or problem.path.startswith((f"{other.path}.", f"{other.path}["))
        for problem in structural
    )


class _Walk:
    """One walk through a value, collecting problems."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def keep(self, value: object, kind: inspect.Type, path: Path) -> object:
        """Return what of `value` fits `kind`, or _UNUSABLE."""
        match kind:
            case inspect.AnyType():
                return value
            case inspect.StructType():
                return self._struct(value, kind, path)
            case inspect.DictType():
                return self._dict(value, kind.value_type, path)
            case inspect.VarTupleType():
                return self._list(value, kind.item_type, path)
            case inspect.UnionType():  # here always: something or null
                if value is None:
                    return None
                (inner,) = (t for t in kind.types if not isinstance(t, inspect.NoneType))
                return self.keep(value, inner, path)
            case _:
                return self._scalar(value, kind, path)

    def _struct(self, value: object, kind: inspect.StructType, path: Path) -> object:
        if not isinstance(value, dict):
            return self._unusable(path, f"expected a mapping, not {_called(value)}")
        fields = {field.encode_name: field for field in kind.fields}
        if kind.forbid_unknown_fields:
            for name in (name for name in value if name not in fields):
                self._problem(f"{path}.{name}", _unknown(name, fields))
        kept = {}
        usable = True
        for name, field in fields.items():
            present = value.get(name)
            part: object = _UNUSABLE
            if present is not None:
                part = self.keep(present, field.type, f"{path}.{name}")
            elif field.required:
                self._problem(f"{path}.{name}", "is required")
            if part is _UNUSABLE and field.required:
                part = _empty(field.type)
                usable = usable and part is not _UNUSABLE
            if part is not _UNUSABLE:
                kept[name] = part
        return kept if usable else _UNUSABLE

    def _dict(self, value: object, kind: inspect.Type, path: Path) -> object:
        if not isinstance(value, dict):
            return self._unusable(path, f"expected a mapping, not {_called(value)}")
        parts = {name: self.keep(part, kind, f"{path}.{name}") for name, part in value.items()}
        return {name: part for name, part in parts.items() if part is not _UNUSABLE}

    def _list(self, value: object, kind: inspect.Type, path: Path) -> object:
        if not isinstance(value, list):
            return self._unusable(path, f"expected a list, not {_called(value)}")
        parts = [self.keep(part, kind, f"{path}[{i}]") for i, part in enumerate(value)]
        # Without the wrong items the others would stand at other places than they were written at.
        return _UNUSABLE if any(part is _UNUSABLE for part in parts) else parts

    def _scalar(self, value: object, kind: inspect.Type, path: Path) -> object:
        match kind:
            case inspect.LiteralType():
                if value in kind.values and isinstance(value, str):
                    return value
                return self._unusable(
                    path, f"expected {_or(map(repr, kind.values))}, not {_called(value)}"
                )
            case inspect.StrType():
                fits, wanted = isinstance(value, str), "a string"
            case inspect.BoolType():
                fits, wanted = isinstance(value, bool), "true or false"
            case inspect.IntType():
                fits, wanted = isinstance(value, int) and not isinstance(value, bool), "an integer"
            case _:
                raise TypeError(f"no rule for {kind}")
        return value if fits else self._unusable(path, f"expected {wanted}, not {_called(value)}")

    def _unusable(self, path: Path, message: str) -> object:
        self._problem(path, message)
        return _UNUSABLE

    def _problem(self, path: Path, message: str) -> None:
        self.problems.append(Problem(path=path, message=message))


def _empty(kind: inspect.Type) -> object:
    """Return a value that fits `kind` and says nothing."""
    match kind:
        case inspect.StrType():
            return ""
        case inspect.BoolType():
            return False
        case inspect.VarTupleType():
            return []
        case inspect.LiteralType():
            return kind.values[0]
        case _:
            return _UNUSABLE


def _called(value: object) -> str:
    match value:
        case None:
            return "null"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case bool():
            return str(value).lower()
        case str():
            return repr(value)
        case _:
            return f"the number {value}"


def _or(choices: Iterable[str]) -> str:
    *most, last = choices
    return f"{', '.join(most)} or {last}" if most else last


def _unknown(name: str, fields: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(name, fields, 1)
    return f"unknown field; did you mean {near[0]!r}?" if near else "unknown field"
