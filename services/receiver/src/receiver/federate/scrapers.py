"""Who may scrape `/federate`: API keys, and the tenants whose clusters their holders see."""

from collections.abc import Collection

from aiohttp import BasicAuth, web

from tenantry_common import key_check, key_file

SECTION = "scrapers"
_EVERY = "*"


class Scraper(key_file.Entry, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key of the file `federate.scrapers_file`."""

    tenants: tuple[str, ...]
    """`"*"` is every tenant."""

    def __post_init__(self) -> None:
        """Refuse what could never be used, too."""
        super().__post_init__()
        if not self.tenants or "" in self.tenants:
            raise ValueError("a scraper is bound to tenants, and none may be empty")

    @property
    def scope(self) -> Collection[str] | None:
        """The tenants, None for every one."""
        return None if _EVERY in self.tenants else self.tenants


class Admission:
    """Lets scrapes in whose bearer token, or password of basic authentication, is such a key."""

    def __init__(self, keys: key_file.Keys[Scraper]) -> None:
        self._keys = keys

    async def admit(self, request: web.Request) -> Collection[str] | None:
        """Return the tenants that the caller may see, None for every one. Raises 401 or 503."""
        if not self._keys.readable:
            raise _unavailable("the scrapers' keys cannot be read now")
        try:
            return (await self._keys.holder(_presented(request))).scope
        except key_file.Unbelieved as error:
            raise web.HTTPUnauthorized(
                headers={"WWW-Authenticate": 'Bearer, Basic realm="federate"'}, text=f"{error}\n"
            ) from error
        except key_check.Busy as error:
            raise _unavailable("too many keys are being checked") from error


def _presented(request: web.Request) -> str:
    sent = request.headers.getall("Authorization", [])
    if len(sent) != 1:
        return ""
    scheme, _, rest = sent[0].partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    try:
        return str(BasicAuth.decode(sent[0]).password)
    except ValueError:
        return ""


def _unavailable(why: str) -> web.HTTPServiceUnavailable:
    return web.HTTPServiceUnavailable(headers={"Retry-After": "5"}, text=f"{why}\n")
