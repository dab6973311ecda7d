"""A new key fits the entry that is printed with it."""

import io

from query_gateway import new_key
from query_gateway.identity.apikey import SECTION, Entry
from tenantry_common import api_key, key_file


def test_the_entry_and_the_key_fit() -> None:
    out, err = io.StringIO(), io.StringIO()

    code = new_key.main(
        [
            "grafana-shop",
            "--tenant",
            "shop",
            "--tenant",
            "bank",
            "--expires",
            "2027-01-01T00:00:00Z",
        ],
        out=out,
        err=err,
    )

    entries = key_file.parse(f"keys:\n{out.getvalue()}".encode(), SECTION, Entry)
    key = api_key.read(err.getvalue().strip())
    assert code == 0
    assert key is not None
    assert key.secret not in out.getvalue()
    assert entries["grafana-shop"].tenants == ("shop", "bank")
    assert entries["grafana-shop"].ended(1_798_761_600.0)
    assert not entries["grafana-shop"].ended(1_798_761_599.0)
    assert api_key.fits(entries[key.id].hash, key.secret)


def test_an_id_that_cannot_be_one_is_refused() -> None:
    out, err = io.StringIO(), io.StringIO()

    assert new_key.main(["a_b", "--tenant", "shop"], out=out, err=err) == 2
    assert out.getvalue() == ""
