"""One YAML document that people wrote, read strictly, with the line of everything in it; pure.

Stricter than PyYAML: a key that stands twice is an error (PyYAML keeps the last one in silence),
and so is a document that grows without bounds through its aliases. Scalars become what Kubernetes
makes of them: dates and times of day stay text.
"""

import re
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass

import yaml

_MOST_NODES = 200_000  # aliases counted each time they are used: "a billion laughs" ends here


@dataclass(frozen=True)
class Document:
    """A document that could be read: `value` is built of dict, list, str, int, float, bool, None."""

    value: object
    lines: Mapping[str, int]
    """Path (``$.spec.metrics[2]``) → line, from 1, of everything in the document."""

    def line(self, path: str) -> int:
        """Return the line of `path`, or of the nearest thing around it that exists."""
        while path not in self.lines and path != "$":
            path = path[: max(path.rfind("."), path.rfind("["), 1)]
        return self.lines.get(path, 1)


@dataclass(frozen=True)
class Malformed:
    """A text that is no document, and where it stops being one (from 1)."""

    line: int
    column: int
    message: str


def read(text: str, first_line: int = 1, *, plain: bool = False) -> Document | Malformed:
    """Read `text`, one document, that begins on line `first_line` of its file.

    With `plain` every scalar but null is the text that was written (``1.10`` stays ``1.10``), for
    formats that know no other type. The empty document has the value None.
    """
    loader = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return Document(None, {"$": first_line})
        builder = _Builder(loader, first_line, plain)
        return Document(builder.build(node, "$"), builder.lines)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line, mark.column) if mark else (0, 0)
        message = ", ".join(part for part in (error.context, error.problem) if part)
        return Malformed(first_line + line, column + 1, message)
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n"), len(before) - before.rfind("\n") - 1
        return Malformed(first_line + line, column + 1, f"character #x{error.character:04x}")
    except RecursionError:
        return Malformed(first_line, 1, "nested too deeply")
    finally:
        if loader is not None:
            loader.dispose()


class _Loader(yaml.SafeLoader):
    """SafeLoader, but what merely looks like a date, a time of day or ``=`` is text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.endswith((":bool", ":null"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"^<<$"), ["<"])
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int",
    re.compile(r"^[-+]?(?:0|[1-9][0-9]{0,17}|0o?[0-7]{1,17}|0x[0-9a-fA-F]{1,15})$"),
    list("-+0123456789"),
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^(?:[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    ),
    list("-+0123456789."),
)


class _Builder:
    """Turns nodes into values and notes the line of each path."""

    def __init__(self, loader: _Loader, first_line: int, plain: bool) -> None:
        self._loader = loader
        self._first_line = first_line
        self._plain = plain
        self._left = _MOST_NODES
        self.lines: dict[str, int] = {}

    def build(self, node: yaml.Node, path: str) -> object:
        self._left -= 1
        if self._left < 0:
            raise _error(node, f"more than {_MOST_NODES} values")
        self.lines.setdefault(path, self._first_line + node.start_mark.line)
        match node:
            case yaml.MappingNode():
                return dict(self._items(node, path))
            case yaml.SequenceNode():
                return [self.build(n, f"{path}[{i}]") for i, n in enumerate(node.value)]
            case _:
                return self._scalar(node)

    def _items(self, node: yaml.MappingNode, path: str) -> Iterator[tuple[str, object]]:
        self._refuse_repeated_keys(node)
        self._loader.flatten_mapping(node)
        for key_node, value_node in node.value:
            key = self._scalar(key_node)
            if not isinstance(key, str):
                raise _error(key_node, f"the key {key!r} is not a string")
            # The line of an entry is that of its key: there is what people look for.
            self.lines[f"{path}.{key}"] = self._first_line + key_node.start_mark.line
            yield key, self.build(value_node, f"{path}.{key}")

    def _refuse_repeated_keys(self, node: yaml.MappingNode) -> None:
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if key in seen:
                raise _error(key_node, f"the key {key!r} stands twice")
            seen.add(key)

    def _scalar(self, node: yaml.Node) -> object:
        if not isinstance(node, yaml.ScalarNode):
            raise _error(node, "a key must be a plain string")
        try:
            node.value.encode()
        except UnicodeEncodeError as error:  # "\ud800": half of a character
            raise _error(node, "the text is not valid Unicode") from error
        if self._plain and not node.tag.endswith(":null"):
            return str(node.value)
        try:
            value: object = self._loader.construct_object(node)
        except ValueError as error:
            raise _error(node, str(error)) from error
        if value is None or isinstance(value, str | int | float | bool):
            return value
        raise _error(node, f"a value with the tag {node.tag!r} is not supported")


def _error(node: yaml.Node, message: str) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError(None, None, message, node.start_mark)
