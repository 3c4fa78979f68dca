"""The response formats the simulator speaks, by the name that the updater's channels give them."""

from collections.abc import Mapping
from typing import Final

from updater.simulator.formats.aus import Aus
from updater.simulator.formats.bigbatch import BigBatch
from updater.simulator.formats.cybersource import CyberSource
from updater.simulator.formats.format import Format, Head, Trailer

DEFAULT_FORMAT: Final = "cybersource-au-csv"
FORMATS: Final[Mapping[str, Format]] = {
    form.name: form for form in (CyberSource(), BigBatch(), Aus())
}

__all__ = ["DEFAULT_FORMAT", "FORMATS", "Format", "Head", "Trailer"]
