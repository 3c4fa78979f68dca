"""Several channels of the updater: what the chart is given is what the updater reads."""

from __future__ import annotations

from pathlib import Path

from tests.kit.charts.rendering import changed, of_kind, pod_specs, render, shape
from updater.config import UpdaterConfig

CHANNELS = [
    {
        "name": "visa",
        "format": "gp-bigbatch-80",
        "exchange_directory": "/var/lib/cardvault/exchange/visa",
        "brands": ["VISA"],
        "segments": {"V": "88"},
    },
    {
        "name": "rest",
        "format": "cybersource-au-csv",
        "exchange_directory": "/var/lib/cardvault/exchange/rest",
    },
]


def test_channels_of_the_values_are_the_updaters(tmp_path: Path) -> None:
    manifests = render(changed(shape("everything"), "updater.channels", CHANNELS))
    maps = of_kind(manifests, "ConfigMap")
    (name,) = [each for each in maps if each.endswith("-channels")]
    read = tmp_path / "channels.yaml"
    read.write_text(maps[name]["data"]["channels.yaml"])
    settings = maps[name.removesuffix("-channels")]["data"]
    place = Path(settings["CARDVAULT_UPDATER_CHANNELS"])
    config = UpdaterConfig.load(channels=read, environment="production")
    assert [each.name for each in config.made_channels] == ["visa", "rest"]
    for spec_of, spec in pod_specs(manifests):
        if not spec_of.startswith("Deployment/") or "updater" not in spec_of:
            continue
        (volume,) = [each for each in spec["volumes"] if each["name"] == "channels"]
        assert volume["configMap"]["name"] == name
        mounts = {each["name"]: each for each in spec["containers"][0]["volumeMounts"]}
        assert mounts["channels"]["mountPath"] == str(place.parent)
        for each in config.channel_settings:
            assert each.exchange_directory.is_relative_to(mounts["exchange"]["mountPath"])


def test_other_channels_start_the_updater_anew() -> None:
    def checksum(channels: object) -> str:
        manifests = render(changed(shape("everything"), "updater.channels", channels))
        (deployment,) = [
            each for name, each in of_kind(manifests, "Deployment").items() if "updater" in name
        ]
        found: str = deployment["spec"]["template"]["metadata"]["annotations"]["checksum/settings"]
        return found

    assert checksum(CHANNELS) != checksum(CHANNELS[:1]) != checksum([])
