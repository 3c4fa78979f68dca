"""The reference page says what the tables say."""

import re

from tools import formats_page
from updater.domain.mapping import SHEETS
from updater.files.codec import CODECS


def test_the_page_is_fresh() -> None:
    assert formats_page.PAGE.read_text("utf-8") == formats_page.page()


def test_the_page_shows_every_format_and_every_vocabulary_once() -> None:
    page = formats_page.page()
    titles = re.findall(r"^##+ `(.*)`$", page, re.MULTILINE)
    channels = dict.fromkeys(sheet.channel for sheet in SHEETS)
    assert sorted(titles) == sorted([*CODECS, *channels])
    for name in CODECS:
        assert f"\n## `{name}`\n" in page
