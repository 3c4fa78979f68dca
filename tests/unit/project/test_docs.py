"""What the documents say is there: links, commands, decisions; generated parts are complete."""

import re
import subprocess
from pathlib import Path

import click
import pytest

from vault.cli.commands import cardvault

ROOT = Path(__file__).parents[3]
DOCUMENTS = sorted(
    path
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))
    if not path.name.startswith("CHANGELOG")
)
LINK = re.compile(r"\]\(([^)#]+)[^)]*\)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    links = [link for link in LINK.findall(document.read_text()) if "://" not in link]
    missing = [link for link in links if not (document.parent / link).exists()]
    assert missing == []


def test_make_targets_that_documents_name_exist() -> None:
    text = "\n".join(document.read_text() for document in DOCUMENTS)
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert named - targets == set()


def test_commands_that_documents_name_exist() -> None:
    text = "\n".join(document.read_text() for document in DOCUMENTS)
    named = re.findall(r"`cardvault ((?:[a-z][a-z-]* ?)+)(?:`|--)", text)
    assert named
    for words in named:
        command: click.Command = cardvault
        for word in words.split():
            assert isinstance(command, click.Group), words
            assert word in command.commands, words
            command = command.commands[word]


def test_every_decision_is_in_the_index() -> None:
    folder = ROOT / "docs" / "adr"
    index = (folder / "README.md").read_text()
    assert [path.name for path in folder.glob("0*.md") if f"({path.name})" not in index] == []


def test_the_lock_files_name_no_index_and_have_hashes() -> None:
    for path in (ROOT / "requirements").glob("*.txt"):
        if path.name == "pins.txt":
            continue
        text = path.read_text()
        assert "://" not in text
        blocks = [block for block in re.split(r"\n(?=[a-z0-9])", text) if "==" in block]
        assert blocks
        assert all("--hash=sha256:" in block for block in blocks)


def test_shell_scripts_parse() -> None:
    for script in (*ROOT.glob("tools/**/*.sh"), ROOT / ".ci" / "run"):
        assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0, script
