"""Each disturbance of whole files, alone: it is there at its rate, and recognised."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.unit.simulator.disturbed import (
    CARDS,
    MIXED,
    NEWS,
    NO_NEWS,
    is_whole,
    many_batches,
    near,
    script,
)
from tests.unit.simulator.exchange_site import Site
from tests.unit.simulator.readers import read
from tests.unit.simulator.requests import CS, GP, MES, request
from updater.simulator.disturbances import Disturbances
from updater.simulator.formats import FORMATS, Head, Trailer
from updater.simulator.script import Script
from updater.simulator.sheet import text_of


def test_bursts_are_of_whole_requests(tmp_path: Path) -> None:
    found = many_batches(tmp_path, script(NO_NEWS, closed_bursts=20))
    assert near(sum(b",ACL," in file.text for file in found), 20, 100)


@pytest.mark.parametrize("form", [CS, GP, MES])
@pytest.mark.parametrize("name", ["truncate", "wrong_trailer"])
def test_a_spoiled_file_is_followed_by_the_right_one(tmp_path: Path, form: str, name: str) -> None:
    found = many_batches(tmp_path, script(NEWS, **{name: 30.0}), form)
    spoiled = [file for file in found if not is_whole(form, file.text)]
    assert near(len(spoiled), 30, 100)
    again = {file.name: file for file in found[100:]}
    assert len(again) == len(spoiled) == len(found) - 100
    for file in spoiled:
        right = again[FORMATS[form].response_name("merchant1", file.name.split(".")[1], 2)]
        assert right.at - file.at == timedelta(hours=2)
        rows_of = read(form, right.text).rows
        assert len(rows_of) == 3
        assert file.text.endswith(b"\n") == (name == "wrong_trailer")


def test_a_spoiled_file_may_be_the_last_word(tmp_path: Path) -> None:
    rules = Script(disturbances=Disturbances(truncate=30, redeliver=False))
    found = many_batches(tmp_path, rules)
    assert len(found) == 100
    assert near(sum(not is_whole(CS, file.text) for file in found), 30, 100)


TRAILERS = {
    CS: {
        Trailer.MORE: b"F,3\n",
        Trailer.FEWER: b"F,1\n",
        Trailer.OTHER_BASIS: b"F,4\n",
        Trailer.MISSING: b"row 2\n",
        Trailer.DOUBLED: b"F,2\nF,2\n",
        Trailer.EARLY: b"F,2\nrow 1\nrow 2\n",
    },
    GP: {
        Trailer.MORE: b"\nFT00070000000007" + b"0" * 54 + b" " * 10 + b"\n",
        Trailer.FEWER: b"\nFT00070000000005" + b"0" * 54 + b" " * 10 + b"\n",
        Trailer.OTHER_BASIS: b"\nFT00070000000002" + b"0" * 54 + b" " * 10 + b"\n",
        Trailer.MISSING: b"TTTERMINAL1" + b" " * 13 + b"0" * 36 + b" " * 20 + b"\n",
        Trailer.DOUBLED: (b"FT00070000000006" + b"0" * 54 + b" " * 10 + b"\n") * 2,
        Trailer.EARLY: b"FT00070000000006" + b"0" * 54 + b" " * 10 + b"\nrow 1\nrow 2\n",
        Trailer.REQUEST_SHAPED: b"\nFT      00070000000006" + b" " * 58 + b"\n",
    },
    MES: {
        Trailer.MORE: b"T1000003\n",
        Trailer.FEWER: b"T1000001\n",
        Trailer.OTHER_BASIS: b"T1000004\n",
        Trailer.MISSING: b"row 2\n",
        Trailer.DOUBLED: b"T1000002\nT1000002\n",
        Trailer.EARLY: b"T1000002\nrow 1\nrow 2\n",
    },
}


@pytest.mark.parametrize("form", [CS, GP, MES])
def test_every_way_of_a_wrong_trailer_is_as_its_name_says(form: str) -> None:
    asked = FORMATS[form].parse(request(form, CARDS[:2]))
    head = Head(datetime(2026, 11, 21, tzinfo=UTC), 1)
    for trailer, end in TRAILERS[form].items():
        text = text_of(FORMATS[form], asked, head, ["row 1", "row 2"], trailer=trailer)
        assert text.endswith(end), trailer
        assert text.count(b"row") == 2
    assert set(FORMATS[form].wrong_trailers) == TRAILERS[form].keys()
    for needs_rows in (Trailer.FEWER, Trailer.EARLY):
        right, wrong = (
            text_of(FORMATS[form], asked, head, [], trailer=way)
            for way in (Trailer.RIGHT, needs_rows)
        )
        assert right != wrong


@pytest.mark.parametrize("form", [CS, GP, MES])
def test_every_way_of_a_wrong_trailer_is_drawn(tmp_path: Path, form: str) -> None:
    found = many_batches(tmp_path, script(NEWS, wrong_trailer=100), form)[:100]
    assert not any(is_whole(form, file.text) for file in found)
    frames = {
        tuple(line for line in file.text.split(b"\n")[1:] if line[:2] not in {b"D,", b"DI", b"D1"})
        for file in found
    }
    assert len(frames) == len(FORMATS[form].wrong_trailers)


def test_duplicate_files_are_the_same_bytes_under_a_second_name(tmp_path: Path) -> None:
    site = Site(tmp_path)
    for batch in range(100):
        site.send(request(CS, CARDS[:3], batch=f"{batch:03}"), batch=f"{batch:03}")
    found = site.deliver_all(script=script(NEWS, duplicate_files=30))
    copies = [file.name for file in found if ".dup." in file.name]
    assert near(len(copies), 30, 100)
    for name in copies:
        same = (site.inbox / name).read_bytes() == (
            site.inbox / name.replace(".dup.", ".")
        ).read_bytes()
        assert same


@pytest.mark.parametrize("form", [CS, GP, MES])
def test_conflicting_files_say_other_things_under_the_same_header(
    tmp_path: Path, form: str
) -> None:
    found = many_batches(tmp_path, script(MIXED, conflicting_files=30), form)
    by_name = {file.name: file for file in found}
    others = [file for file in found if ".other." in file.name]
    assert near(len(others), 30, 100)
    for other in others:
        right = by_name[other.name.replace(".other.", ".")]
        assert other.at - right.at == timedelta(hours=1)
        assert other.text != right.text
        heads = [file.text.split(b"\n")[0] for file in (right, other)]
        assert heads[0] == heads[1]
        assert is_whole(form, other.text)


def test_a_conflicting_file_differs_even_where_nothing_can(tmp_path: Path) -> None:
    found = many_batches(tmp_path, script(NO_NEWS, conflicting_files=100), GP)
    assert len(found) == 200
    assert {len(read(GP, file.text).rows) for file in found if ".other." in file.name} == {2}
