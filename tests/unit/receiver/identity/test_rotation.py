"""Rotation leaves no moment without a key that all know, and none longer than it is needed."""

import pytest

from receiver.identity import keyring, rotation

LEAD, LIFETIME = 300, 1000


def test_keys_overlap_and_go_when_their_last_token_has_ended() -> None:
    first = rotation.rotated((), 0, lead=LEAD, lifetime=LIFETIME)
    second = rotation.rotated(first, 5000, lead=LEAD, lifetime=LIFETIME)
    third = rotation.rotated(second, 6299, lead=LEAD, lifetime=LIFETIME)
    fourth = rotation.rotated(second, 6300, lead=LEAD, lifetime=LIFETIME)

    assert [key.signs_from for key in second] == [0, 5300]
    assert [key.signs_from for key in third] == [0, 5300, 6599]
    assert [key.signs_from for key in fourth] == [5300, 6600]


def test_at_any_time_the_key_that_signs_was_known_for_the_lead() -> None:
    keys = rotation.rotated((), 0, lead=LEAD, lifetime=LIFETIME)
    known_since = {keys[0].kid: 0}
    for now in range(1, 6000, 137):
        keys = rotation.rotated(keys, now, lead=LEAD, lifetime=LIFETIME)
        for key in keys:
            known_since.setdefault(key.kid, now)
        signing = keyring.parse(rotation.private_document(keys)).signing(now)
        assert signing is not None
        assert signing.kid == next(iter(known_since)) or now - known_since[signing.kid] >= LEAD


def test_documents_are_read_back() -> None:
    keys = rotation.rotated((), 7, lead=LEAD, lifetime=LIFETIME)

    assert rotation.read(rotation.private_document(keys)) == keys
    with pytest.raises(keyring.NotAKeyring):
        rotation.read(b"{}")


def test_a_key_is_taken_out_by_its_id() -> None:
    keys = (rotation.new(0), rotation.new(1))

    assert rotation.without(keys, keys[0].kid) == keys[1:]
    with pytest.raises(KeyError):
        rotation.without(keys, "other")


def test_what_people_type_to_revoke_never_looks_like_an_option() -> None:
    assert all(set(rotation.new(0).kid) <= set("0123456789abcdef") for _ in range(50))
