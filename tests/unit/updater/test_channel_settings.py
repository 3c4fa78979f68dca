"""The channels file: what it says, and every mistake in a sentence that shows no value."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import yaml

from cards.brands import Brand
from chassis.config import ConfigInvalid
from updater.channel_settings import BoundsSettings, ChannelSettings
from updater.config import UpdaterConfig
from updater.domain.bounds import Bounds
from updater.domain.mapping import CYBERSOURCE, GP_BIGBATCH, MES_AUS
from updater.domain.shadow import Shadow
from updater.files.answers import AskRecord, RequestHead, YearMonth
from updater.files.codec import CODECS
from updater.files.digits import Digits
from updater.files.mes_records import TRAILER

SECRET = "4111111111111111"
MADE = 1_600_000_000_000_000  # µs: in 2020


def channel(**changes: Any) -> dict[str, Any]:
    return {"name": "one", "format": CYBERSOURCE, "exchange_directory": "/x/one", **changes}


def load(root: Path, document: object, **settings: Any) -> UpdaterConfig:
    path = root / "channels.yaml"
    text = document if isinstance(document, str) else yaml.safe_dump(document)
    path.write_text(text)
    return UpdaterConfig.load(channels=path, **settings)


def test_without_a_file_there_is_one_channel(tmp_path: Path) -> None:
    config = UpdaterConfig.load(
        exchange_directory=tmp_path, merchant_ids={"demo/shop": "m1"}, brands={"VISA"}
    )
    (made,) = config.made_channels
    assert (made.name, made.codec.name) == (CYBERSOURCE, CYBERSOURCE)
    assert made.merchant_ids == {("demo", "shop"): "m1"}
    assert made.policy.brands == {Brand.VISA}
    assert (made.takes_test_numbers, made.only_listed) == (True, False)
    assert (made.bounds, made.shadow) == (Bounds(), Shadow())
    assert [each.exchange_directory for each in config.channel_settings] == [tmp_path]


def test_every_field_of_a_channel(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        {
            "channels": [
                {
                    "name": "gp",
                    "format": GP_BIGBATCH,
                    "exchange_directory": "/x/gp",
                    "exchange_keys": "/x/keys",
                    "brands": ["VISA", "MASTERCARD"],
                    "merchant_ids": {"demo/shop": "4711"},
                    "only_listed": True,
                    "status_email": "a@example.org",
                    "records_per_file": 7,
                    "segments": {"V": "88", "M": "12345"},
                    "terminal_id": "T1",
                    "bounds": {"closed_share": 0.1, "unasked": 3},
                    "shadow": {"tenants": ["demo"], "bins": ["411111"]},
                    "takes_test_numbers": False,
                },
                channel(format=MES_AUS, brands=["VISA"]),
            ]
        },
        not_again_within="P3D",
    )
    made, other = config.made_channels
    assert (made.name, made.codec.name, made.only_listed) == ("gp", GP_BIGBATCH, True)
    assert made.policy.brands == {Brand.VISA, Brand.MASTERCARD}
    assert made.policy.not_again_within == config.not_again_within
    assert made.merchant_ids == {("demo", "shop"): "4711"}
    assert (made.status_email, made.records_per_file) == ("a@example.org", 7)
    assert (made.segments, made.terminal_id) == ({"V": "88", "M": "12345"}, "T1")
    assert made.bounds == Bounds(closed_share=0.1, unasked=3)
    assert made.shadow == Shadow(tenants={"demo"}, bins={"411111"})
    assert not made.takes_test_numbers
    assert (other.name, other.codec.name, other.takes_test_numbers) == ("one", MES_AUS, True)
    assert other.status_email == config.status_email


BAD: dict[str, tuple[object, str]] = {
    "no yaml": ("{", "channels: not valid YAML"),
    "no mapping": (["x"], "a list of them is expected"),
    "no channels": ({"channels": []}, "at least 1 item"),
    "another key": ({"channels": [channel()], SECRET: 1}, "(a key)"),
    "unknown key": ({"channels": [channel(**{SECRET: 1})]}, "channels.0.(a key)"),
    "no name": ({"channels": [{"format": CYBERSOURCE}]}, "channels.0.name"),
    "bad name": ({"channels": [channel(name=f"a:{SECRET}")]}, "channels.0.name"),
    "format": ({"channels": [channel(format=SECRET)]}, "channels.0.format"),
    "brand": ({"channels": [channel(brands=[SECRET])]}, "channels.0.brands"),
    "no brand": ({"channels": [channel(brands=[])]}, "channels.0.brands"),
    "unknown brand": ({"channels": [channel(brands=["UNKNOWN"])]}, "brands can't hold UNKNOWN"),
    "merchant id": ({"channels": [channel(merchant_ids={"a/b": "a b"})]}, "merchant_ids"),
    "merchant key": ({"channels": [channel(merchant_ids={"ab": "ab"})]}, "tenant/merchant"),
    "share": ({"channels": [channel(bounds={"closed_share": 2})]}, "bounds.closed_share"),
    "bound": ({"channels": [channel(bounds={"close": 2})]}, "channels.0.bounds.(a key)"),
    "bins": ({"channels": [channel(shadow={"bins": ["4111"]})]}, "channels.0.shadow.bins"),
    "two names": (
        {"channels": [channel(), channel(exchange_directory="/x/two")]},
        "one name",
    ),
    "one directory": ({"channels": [channel(), channel(name="two")]}, "exchange directory"),
    "a directory in another": (
        {"channels": [channel(), channel(name="two", exchange_directory="/x/one/two")]},
        "exchange directory",
    ),
    "a directory by another way": (
        {"channels": [channel(), channel(name="two", exchange_directory="/x/y/../one")]},
        "exchange directory",
    ),
    "more than a file holds": (
        {"channels": [channel(records_per_file=80_001)]},
        "one: records_per_file is at most 80000 in the format cybersource-au-csv",
    ),
    "more than a trailer counts": (
        {"channels": [channel(format=MES_AUS, brands=["VISA"], records_per_file=750_001)]},
        "one: records_per_file is at most 750000 in the format mes-aus-124",
    ),
    "no segment": (
        {"channels": [channel(format=GP_BIGBATCH, brands=["VISA"], segments={"M": "1"})]},
        "segments need V",
    ),
    "a brand without a network": (
        {"channels": [channel(format=GP_BIGBATCH, brands=["JCB"])]},
        "can't ask about JCB",
    ),
    "a brand without a type": (
        {"channels": [channel(format=MES_AUS, brands=["DISCOVER"])]},
        "can't ask about DISCOVER",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_mistake_is_refused_in_a_sentence(tmp_path: Path, kind: str) -> None:
    document, sentence = BAD[kind]
    with pytest.raises(ConfigInvalid) as caught:
        load(tmp_path, document)
    told = str(caught.value)
    shown = SECRET in told
    assert not shown
    assert sentence in told


@pytest.mark.parametrize("below", ["", "further/down"], ids=["itself", "nested"])
def test_a_link_is_no_other_directory(tmp_path: Path, below: str) -> None:
    exchange, link = tmp_path / "exchange", tmp_path / "link"
    exchange.mkdir()
    link.symlink_to(exchange, target_is_directory=True)
    channels = [
        channel(exchange_directory=str(exchange)),
        channel(name="two", exchange_directory=str(link / below)),
    ]
    with pytest.raises(ConfigInvalid, match="exchange directory"):
        load(tmp_path, {"channels": channels})


def test_links_that_lead_in_a_circle_are_left_to_who_uses_them(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    channels = [
        channel(exchange_directory=str(tmp_path / "a")),
        channel(name="two", exchange_directory=str(tmp_path / "c")),
    ]
    assert len(load(tmp_path, {"channels": channels}).made_channels) == 2


def test_the_one_channel_without_a_file_has_the_same_bound() -> None:
    with pytest.raises(ConfigInvalid, match="records_per_file is at most 80000"):
        UpdaterConfig.load(records_per_file=80_001)


@pytest.mark.parametrize("name", CODECS)
def test_what_a_channel_may_ask_can_be_written_and_answered(name: str) -> None:
    codec = CODECS[name]

    def written(count: int, number: Digits) -> int:
        out, asks = BytesIO(), [AskRecord("A" * 24, number, YearMonth(2027, 1), Brand.VISA)] * count
        batch = "1" * codec.batch_digits
        network, segment = ("V", "88") if codec.one_network_per_file else ("", "")
        head = RequestHead("m" * 12, batch, "a@b.c", MADE, network=network, segment=segment)
        codec.write_request(head, asks, count, out)
        return len(out.getvalue())

    one = written(1, Digits("4" * 19))
    each = written(2, Digits("4" * 19)) - one
    assert one + each * codec.most_questions <= codec.max_bytes
    answer = {CYBERSOURCE: 120, GP_BIGBATCH: 82, MES_AUS: 126}[name]
    assert 1_000 + answer * codec.most_questions <= codec.max_bytes
    if name == MES_AUS:
        TRAILER.pack({"record_count": str(codec.most_questions)})


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="can't be read"):
        UpdaterConfig.load(channels=tmp_path / "none.yaml")


def test_a_file_of_megabytes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="larger"):
        load(tmp_path, "#" * 1_100_000)


def test_production_takes_no_test_numbers(tmp_path: Path) -> None:
    document = {"channels": [channel()]}
    assert (
        not load(tmp_path, document, environment="production").made_channels[0].takes_test_numbers
    )
    with pytest.raises(ConfigInvalid, match="takes_test_numbers"):
        load(tmp_path, {"channels": [channel(takes_test_numbers=True)]}, environment="production")
    assert not UpdaterConfig.load(environment="production").made_channels[0].takes_test_numbers


def test_the_guides_example_can_be_used(tmp_path: Path) -> None:
    guide = (Path(__file__).parents[3] / "docs" / "howto" / "channels.md").read_text()
    example = guide.partition("```yaml\n")[2].partition("```")[0]
    config = load(tmp_path, example, environment="production")
    assert [each.name for each in config.made_channels] == ["visa-gp", "the-rest"]


def test_the_guide_has_every_key_and_default() -> None:
    guide = (Path(__file__).parents[3] / "docs" / "howto" / "channels.md").read_text()
    for name in (*ChannelSettings.model_fields, *BoundsSettings.model_fields):
        assert f"`{name}`" in guide
    for name, field in BoundsSettings.model_fields.items():
        assert f"| `{name}` | {field.default} |" in guide
