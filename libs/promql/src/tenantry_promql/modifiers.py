"""Reads what may follow an operand: `[range]`, `[range:step]`, `offset`, `@`, `anchored`, `smoothed`."""

from dataclasses import dataclass

from tenantry_promql.brackets import read_bracket
from tenantry_promql.cursor import Cursor
from tenantry_promql.durations import read_offset
from tenantry_promql.lexer import BRACKET, DURATION, NUMBER

POSTFIX = frozenset((BRACKET, "offset", "@", "anchored", "smoothed"))

_NOT_MODIFIABLE = (
    "modifier must be preceded by an instant vector selector or range vector selector or a subquery"
)


@dataclass(slots=True)
class Modifiers:
    """The modifiers of one selector or one subquery, while they are read."""

    start: int
    """The token with which the expression starts; errors are reported there, as Prometheus does."""
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
            if kind == BRACKET:
                if self.on_subquery:
                    return
                bracket = read_bracket(cursor, depth)
                if bracket.is_subquery:
                    return
                self._range(cursor, bracket.text)
            elif kind == "offset":
                self._offset(cursor, depth)
            elif kind == "@":
                self._at(cursor)
            else:
                self._edge(cursor)

    def _range(self, cursor: Cursor, text: str) -> None:
        bracket = cursor.index
        cursor.take()
        if self.has_range:
            cursor.fail("ranges only allowed for vector selectors", bracket)
        if self.has_offset:
            cursor.fail("no offset modifiers allowed before range", bracket)
        if self.has_time:
            cursor.fail("no @ modifiers allowed before range", bracket)
        self.has_range = True
        self.text += text

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


def read_subquery_bracket(cursor: Cursor, depth: int) -> str:
    """Read `[range:step]` and return its text."""
    bracket = read_bracket(cursor, depth)
    if not bracket.is_subquery:
        cursor.fail("ranges only allowed for vector selectors", cursor.index)
    cursor.take()
    return bracket.text


def refuse_modifier(cursor: Cursor, start: int) -> None:
    """Raise ParseError for a modifier after anything but a selector or a subquery."""
    kind = cursor.kind
    if kind == "offset" or kind == "@":
        cursor.fail(f"{kind} {_NOT_MODIFIABLE}", start)
    cursor.fail(f"{kind} modifier not implemented", start)
