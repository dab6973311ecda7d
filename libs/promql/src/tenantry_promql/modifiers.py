"""Reads what may follow an operand: `[range]`, `[range:step]`, `offset`, `@`, `anchored`, `smoothed`."""

from dataclasses import dataclass

from tenantry_promql.cursor import Cursor
from tenantry_promql.durations import read_bracketed, read_offset
from tenantry_promql.lexer import DURATION, NUMBER

POSTFIX = frozenset(("[", "offset", "@", "anchored", "smoothed"))

_NOT_MODIFIABLE = (
    "modifier must be preceded by an instant vector selector or range vector selector or a subquery"
)


@dataclass(slots=True)
class Modifiers:
    """The modifiers of one selector or one subquery, while they are read."""

    start: int
    """Where the expression starts; errors are reported there, as Prometheus does."""
    on_subquery: bool
    text: str = ""
    has_range: bool = False
    has_offset: bool = False
    has_time: bool = False
    has_at: bool = False
    edge: str = ""

    def read(self, cursor: Cursor, depth: int) -> None:
        """Read all modifiers; stop before a bracket that opens a subquery."""
        while (kind := cursor.kind) in POSTFIX:
            if kind == "[":
                if self.on_subquery or _is_subquery(cursor):
                    return
                self._range(cursor, depth)
            elif kind == "offset":
                self._offset(cursor, depth)
            elif kind == "@":
                self._at(cursor)
            else:
                self._edge(cursor)

    def _range(self, cursor: Cursor, depth: int) -> None:
        bracket = cursor.start
        cursor.take()
        window = read_bracketed(cursor, depth)
        cursor.expect("]", "subquery or range", '":" or "]"')
        if self.has_range:
            cursor.fail("ranges only allowed for vector selectors", bracket)
        if self.has_offset:
            cursor.fail("no offset modifiers allowed before range", bracket)
        if self.has_time:
            cursor.fail("no @ modifiers allowed before range", bracket)
        self.has_range = True
        self.text += f"[{window}]"

    def _offset(self, cursor: Cursor, depth: int) -> None:
        cursor.take()
        offset = read_offset(cursor, depth)
        if self.has_offset:
            cursor.fail("offset may not be set multiple times", self.start)
        self.has_offset = True
        self.text += f" offset {offset}"

    def _at(self, cursor: Cursor) -> None:
        cursor.take()
        if cursor.kind in ("start", "end"):
            instant = cursor.take().lower()
            cursor.expect("(", "@")
            cursor.expect(")", "@")
            instant += "()"
        else:
            instant = cursor.take() if cursor.kind in ("+", "-") else ""
            if cursor.kind not in (NUMBER, DURATION):
                cursor.unexpected("@", "timestamp")
            number = cursor.take()
            if number.lower() in ("inf", "nan"):
                cursor.fail(f"timestamp out of bounds for @ modifier: {number}", self.start)
            instant += number
            self.has_time = True
        if self.has_at:
            cursor.fail("@ <timestamp> may not be set multiple times", self.start)
        self.has_at = True
        self.text += f" @ {instant}"

    def _edge(self, cursor: Cursor) -> None:
        edge = cursor.take().lower()
        if self.on_subquery:
            cursor.fail(f"{edge} modifier is not supported for subqueries", self.start)
        if self.edge not in ("", edge):
            cursor.fail("anchored and smoothed modifiers cannot be used together", self.start)
        self.edge = edge
        self.text += f" {edge}"


def _is_subquery(cursor: Cursor) -> bool:
    closing = cursor.index + 2
    kinds = cursor.kinds
    if closing < len(kinds) and kinds[closing] == "]":
        return False  # [5m], by far the most frequent
    while closing < len(kinds) and kinds[closing] not in (":", "]"):
        closing += 1
    return closing < len(kinds) and kinds[closing] == ":"


def read_subquery_bracket(cursor: Cursor, depth: int) -> str:
    """Read `[range:step]` and return its text."""
    bracket = cursor.start
    cursor.take()
    window = read_bracketed(cursor, depth)
    if cursor.kind == "]":
        cursor.fail("ranges only allowed for vector selectors", bracket)
    cursor.expect(":", "subquery or range", '":" or "]"')
    step = "" if cursor.kind == "]" else read_bracketed(cursor, depth)
    cursor.expect("]", "subquery selector", '"]"')
    return f"[{window}:{step}]"


def refuse_modifier(cursor: Cursor, start: int) -> None:
    """Raise ParseError for a modifier after anything but a selector or a subquery."""
    kind = cursor.kind
    if kind == "offset" or kind == "@":
        cursor.fail(f"{kind} {_NOT_MODIFIABLE}", start)
    cursor.fail(f"{kind} modifier not implemented", start)
