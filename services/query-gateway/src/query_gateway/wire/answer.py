"""Read one answer of a backend from bytes, strictly (RFC 9112); pure.

What could end in two places is no answer: it must say how long it is, once, by `Content-Length` or
by chunks. So an answer that breaks off is never taken for a whole one, and a connection is at its
beginning again when an answer is complete.
"""

import httptools

from query_gateway.wire.errors import Broken

_HEAD_BYTES = 32 * 1024
_SILENT_BYTES = 64 * 1024
_FIELDS = 100
_WITHOUT_BODY = frozenset({204, 304})


class Answer:
    """The answer that is read now, as far as it has come."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self.renew()

    def renew(self) -> None:
        """Begin with the next answer of the same connection, which is `reusable`."""
        self._headers.clear()
        self._body.clear()
        self._head_bytes = 0
        self._fields = 0
        self._silent_bytes = 0
        self._keeps_alive = False
        self._went_on = False
        self.status = 0
        """The HTTP status, 0 until the head is here."""
        self.length: int | None = None
        """Bytes of the body, None where it comes in chunks."""
        self.complete = False
        """Whether its last byte is here."""
        self.waiting = 0
        """Bytes of the body that are here and were not taken."""

    @property
    def reusable(self) -> bool:
        """Whether the connection can be used for another request now."""
        return self.complete and self._keeps_alive and not self._went_on

    def header(self, name: bytes) -> str:
        """Return the value of a header, whose `name` is in lower case; nothing where it is absent.

        One that came several times holds all values, separated by commas.
        """
        return self._headers.get(name, b"").decode("latin-1")

    def feed(self, data: bytes) -> None:
        """Read some more bytes. Raises `Broken`."""
        had = self.waiting
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self.complete:
                raise Broken(f"not an answer: {_reason(error)}") from error
            self._went_on = True
        if self.complete or self.waiting > had:
            self._silent_bytes = 0
            return
        self._silent_bytes += len(data)
        if self._silent_bytes > _SILENT_BYTES:
            raise Broken("not an answer: nothing but heads and frames")

    def take(self) -> bytes:
        """Return what is here of the body and was not taken before."""
        if len(self._body) == 1:
            (taken,) = self._body
        else:
            taken = b"".join(self._body)
        self._body.clear()
        self.waiting = 0
        return taken

    # What the parser calls.

    def on_message_begin(self) -> None:
        """Begin to read a head; the one after an interim answer (RFC 9110, 15.2) too."""
        if self.complete:
            raise Broken("more than one answer")
        self._headers.clear()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a field of the head; those behind the body are looked at by nobody."""
        self._fields += 1
        self._head_bytes += len(name) + len(value)
        if self._fields > _FIELDS or self._head_bytes > _HEAD_BYTES:
            raise Broken("the head is too long")
        if self.status:
            return
        name = name.lower()
        before = self._headers.get(name)
        self._headers[name] = value if before is None else before + b", " + value

    def on_headers_complete(self) -> None:
        """Find out how the body ends."""
        status = self._parser.get_status_code()
        if status == 101:
            raise Broken("another protocol")
        if status < 200:
            return
        if self._parser.get_http_version() not in ("1.1", "1.0"):
            raise Broken("another version of HTTP")
        length = self._headers.get(b"content-length")
        coding = self._headers.get(b"transfer-encoding")
        if status not in _WITHOUT_BODY:
            if coding is not None and coding.lower() != b"chunked":
                raise Broken("a transfer coding that nobody asked for")
            if coding is None and length is None:
                raise Broken("the end of the body cannot be told")
        if length is not None:
            self.length = int(length)
        self.status = status

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body."""
        self._body.append(body)
        self.waiting += len(body)

    def on_message_complete(self) -> None:
        """Note the end, unless it is an interim answer's."""
        if self.status:
            self.complete = True
            self._keeps_alive = self._parser.should_keep_alive()


def _reason(error: Exception) -> str:
    """Return what one of the callbacks above said, else what the parser says."""
    return str(error.__context__ or error)
