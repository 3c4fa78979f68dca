"""What the model of a disk may leave, and what it must."""

from __future__ import annotations

from random import Random

import pytest

from tests.power.disk import TORN, Cut, Disk
from tests.power.layer import Happened

OLD, NEW = b"o" * 16_384, b"n" * 16_384


def disk(*events: Happened) -> Disk:
    followed = Disk()
    for event in events:
        followed.take(event)
    return followed


def synced() -> Disk:
    """Return a disk with one durable file, of which a second content is unsynced."""
    return disk(
        Happened("create", "wal"),
        Happened("write", "wal", 0, OLD),
        Happened("sync", "wal"),
        Happened("names", "wal"),
        Happened("write", "wal", 0, NEW[:5_000]),
        Happened("write", "wal", 5_000, NEW[5_000:]),
    )


def test_dropped_is_as_of_the_last_sync_and_kept_is_all() -> None:
    assert synced().image(Cut.DROPPED, Random(1)) == {"wal": OLD}
    assert synced().image(Cut.KEPT, Random(1)) == {"wal": NEW}


@pytest.mark.parametrize("cut", TORN)
def test_torn_leaves_each_sector_whole_of_one_moment_and_in_any_order(cut: Cut) -> None:
    seen: set[tuple[bytes, ...]] = set()
    for seed in range(300):
        left = synced().image(cut, Random(seed))["wal"]
        assert len(left) == len(OLD)
        sectors = [left[at : at + cut.sector] for at in range(0, len(left), cut.sector)]
        # The sector in which the second write begins may be half of each.
        mixed = [at for at, sector in enumerate(sectors) if len(set(sector)) > 1]
        assert set(mixed) <= {5_000 // cut.sector}
        seen.add(tuple(sector[-1:] for sector in sectors))
    assert len(seen) > 10
    assert any(left.index(b"o") < left.index(b"n") for left in seen if len(set(left)) > 1)
    assert any(left.index(b"n") < left.index(b"o") for left in seen if len(set(left)) > 1)


def test_what_is_synced_is_never_touched() -> None:
    followed = synced()
    followed.take(Happened("sync", "wal"))
    for cut in Cut:
        assert followed.image(cut, Random(1)) == {"wal": NEW}
    assert not followed.unsynced()


def test_a_file_may_have_its_size_and_not_its_contents() -> None:
    sizes, rubbish = set[int](), 0
    for seed in range(300):
        followed = disk(
            Happened("create", "db"),
            Happened("sync", "db"),
            Happened("names", "wal"),
            Happened("write", "db", 0, NEW),
        )
        left = followed.image(Cut.TORN_4096, Random(seed)).get("db", b"")
        sizes.add(len(left))
        rubbish += any(byte not in b"n\0" for byte in left)
    assert sizes == {0, len(NEW)}
    assert rubbish > 10


def test_a_truncation_is_as_unsure_as_a_write() -> None:
    sizes = set[int]()
    for seed in range(100):
        followed = synced()
        followed.take(Happened("sync", "wal"))
        followed.take(Happened("truncate", "wal", 0))
        sizes.add(len(followed.image(Cut.TORN_512, Random(seed))["wal"]))
    assert sizes == {0, len(NEW)}


def test_names_are_kept_with_the_directory_only() -> None:
    made = disk(Happened("create", "other"), Happened("sync", "other"))
    assert made.image(Cut.DROPPED, Random(1)) == {}
    assert made.image(Cut.KEPT, Random(1)) == {"other": b""}
    assert {len(made.image(Cut.TORN_512, Random(seed))) for seed in range(50)} == {0, 1}
    made.take(Happened("names", "other"))
    made.take(Happened("delete", "other"))
    assert made.image(Cut.KEPT, Random(1)) == {}
    assert made.image(Cut.DROPPED, Random(1)) == {"other": b""}, "a deleted journal may be back"
