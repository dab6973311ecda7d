"""Ask the gateway and the Prometheus of what is permitted the same, and compare."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from tests.leakage.estate import TALLY, Answered, Estate

FORM = {"Content-Type": "application/x-www-form-urlencoded"}

type Pairs = tuple[tuple[str, str], ...]


async def attack_both_ways(
    estate: Estate, tenant: str, path: str, pairs: Pairs, methods: Iterable[str]
) -> dict[str, Answered]:
    """Send the same by GET and by POST."""
    text = urlencode(pairs)
    found = {}
    for method in methods:
        if method == "GET":
            found[method] = await estate.attack(tenant, "GET", f"{path}?{text}")
        else:
            found[method] = await estate.attack(tenant, "POST", path, data=text, headers=FORM)
    return found


async def compare(
    estate: Estate, tenant: str, path: str, pairs: Pairs, methods: Iterable[str] = ("GET", "POST")
) -> None:
    """Attack, and note a leak where an answer is not that of the permitted series.

    A refusal is as good as an answer, as long as it is one.
    """
    answers = await attack_both_ways(estate, tenant, path, pairs, methods)
    if all(answer.status != 200 for answer in answers.values()):
        _refused(tenant, path, pairs, answers)
        return
    url = f"{estate.permitted[tenant]}{path}"
    if "POST" in methods:
        direct = await estate.send(url, "POST", data=urlencode(pairs), headers=FORM)
    else:
        direct = await estate.send(f"{url}?{urlencode(pairs)}", "GET")
    for method, answer in answers.items():
        if content(answer) != content(direct):
            TALLY.leaks.append(
                f"{tenant} {method} {path} {pairs}: {answer.status} {answer.body[:2000]!r} "
                f"instead of {direct.status} {direct.body[:2000]!r}"
            )


def _refused(tenant: str, path: str, pairs: Pairs, answers: Mapping[str, Answered]) -> None:
    for method, answer in answers.items():
        if answer.status not in (400, 404, 405, 413, 415, 422):
            TALLY.leaks.append(f"{tenant} {method} {path} {pairs}: {answer.status}")
        elif set(json.loads(answer.body)) != {"status", "errorType", "error"}:
            TALLY.leaks.append(f"{tenant} {method} {path} {pairs}: {answer.body!r}")


def content(answer: Answered) -> Any:
    """Return what an answer says, apart from the order of series and positions in warnings."""
    if answer.status == 204:
        return 200, []  # Prometheus' answer to exemplars of nothing
    if answer.headers["Content-Type"] != "application/json":
        return answer.status, sorted(answer.body.splitlines())
    found = json.loads(answer.body)
    return answer.status, ordered(found.get("data") or [])


def ordered(value: Any) -> Any:
    """Sort lists of objects, which come in the order of storage."""
    if isinstance(value, list) and all(isinstance(one, dict) for one in value):
        return sorted(map(ordered, value), key=lambda one: json.dumps(one, sort_keys=True))
    if isinstance(value, dict):
        return {name: ordered(one) for name, one in value.items()}
    return value


async def all_of(*attacks: Any) -> None:
    """Run attacks at once."""
    async with asyncio.TaskGroup() as group:
        for attack in attacks:
            group.create_task(attack)
