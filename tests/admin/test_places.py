"""Places of streams: shared out, and given back."""

from __future__ import annotations

import pytest

from vocaqueue.admin.places import Places, TooManyStreams


def test_nobody_has_more_than_half_and_all_have_no_more_than_there_are() -> None:
    """
    Two identities can fill a process, one cannot; a place that is left is anybody's.
    """
    places = Places(4, 0)
    for who in ("kim", "kim", "lee"):
        places.enter(who)
    with pytest.raises(TooManyStreams, match="You have 2"):
        places.enter("kim")
    with places.take("park"), pytest.raises(TooManyStreams, match="All 4"):
        places.enter("choi")
    assert (places.taken, places.refused) == (3, 2)
    places.leave("kim")
    places.enter("kim")
    for who in ("kim", "kim", "lee"):
        places.leave(who)
    assert places.taken == 0
    assert not places._of_identity, "an identity that has gone is forgotten"
