"""The HTTP side: ask a server one query at one moment."""

import asyncio

import aiohttp
from tests.oracle.promql import answers
from tests.oracle.promql.answers import Answer, Unreadable
from tests.oracle.promql.moments import Moment

_PAUSES = (0.0, 0.1, 1.0)  # seconds before each attempt
_TIMEOUT = aiohttp.ClientTimeout(total=120)


def session() -> aiohttp.ClientSession:
    """Return a client for many requests at once; the caller closes it."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        headers={"Accept-Encoding": "identity"},
        timeout=_TIMEOUT,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
    )


class Client:
    """One server's query API."""

    def __init__(self, http: aiohttp.ClientSession, url: str, headers: dict[str, str]) -> None:
        self._http = http
        self._url = url
        self._headers = headers

    async def body(self, query: str, moment: Moment) -> bytes:
        """Return the body of the answer, of a success or of an error of the query's own.

        Raises `Unreadable` when the server itself failed.
        """
        form = {"query": query, **moment.parameters()}
        url = self._url + moment.path
        async with self._http.post(url, data=form, headers=self._headers) as response:
            body = await response.read()
            if response.content_type != "application/json":
                raise Unreadable(f"{response.status}: {body[:500]!r}")
            return body

    async def ask(self, query: str, moment: Moment) -> Answer:
        """Return the answer, read; one of the error type `FAILED` when there is none after all."""
        reason = ""
        for pause in _PAUSES:
            await asyncio.sleep(pause)
            try:
                return answers.read(await self.body(query, moment))
            except (Unreadable, aiohttp.ClientError, TimeoutError) as error:
                reason = str(error) or type(error).__name__
        return Answer(error_type=answers.FAILED, error=reason)
