"""One bit, one vault: flip it, open the vault again, ask for everything, verify the audit."""

from __future__ import annotations

import asyncio
import random
import traceback
from pathlib import Path
from typing import Final

import apsw

from tests.doubles.clocks import FakeClock
from tests.flips.asking import Asker, Heard
from tests.flips.judge import Came
from tests.flips.opened import Opener, checked_once
from tests.flips.places import AUDIT, Flip, Mode, Places
from tests.flips.vault_image import Image, Images
from vault.adapters.audit_verify.findings import Report
from vault.adapters.audit_verify.trail import NotReadable
from vault.adapters.audit_verify.verify import verify_audit

_PATIENCE: Final = 30.0
_PARKED: Final = "parked_updates"
_BY_NUMBER: Final = frozenset({"fingerprints", "existing_cards", "requests", "requests_by_time"})


class Bench:
    """Runs trials, one after another, in a directory of its own."""

    def __init__(self, images: Images, directory: Path, seed: str) -> None:
        self._images: Final = images
        self._seed: Final = seed
        self._validation: Final = checked_once()
        directory.mkdir(parents=True, exist_ok=True)
        self._path: Final = directory / "vault.db"
        self._files: Final = {
            image.path: {
                "db": image.path.read_bytes(),
                "wal": image.path.with_name("vault.db-wal").read_bytes()
                if image.cells.sizes["wal"]
                else b"",
            }
            for image in (images.closed, images.running)
        }
        self._places: Final = {
            image.path: Places(image.cells) for image in (images.closed, images.running)
        }

    def choose(self, number: int) -> Flip:
        """Return the flip of this number: the same in every run of a seed."""
        dice = random.Random(f"{self._seed}/{number}")
        mode = dice.choices(tuple(Mode), (70, 15, 15))[0]
        places = self._places[self.image(mode).path]
        if mode is Mode.LOG:
            return places.anywhere(number, mode, "wal", dice)
        if dice.random() < 0.7:
            return places.aimed(number, mode, dice)
        file = "db" if mode is Mode.CLOSED or dice.random() < 0.5 else "wal"
        return places.anywhere(number, mode, file, dice)

    def image(self, mode: Mode) -> Image:
        """Return the image that a mode is about."""
        return self._images.closed if mode is Mode.CLOSED else self._images.running

    async def run(self, flip: Flip) -> Came:
        """Do all of it. Raises TimeoutError where something hangs."""
        image = self.image(flip.mode)
        self._lay_out(image)
        if flip.mode is not Mode.RUNNING:
            self._flip(flip)
        heard, ended, report, unreadable = Heard(), "", None, False
        if _verified_first(flip):
            report, unreadable = self._verified(image)
        if flip.table != "audit" or flip.column is None or flip.mode is not Mode.CLOSED:
            async with asyncio.timeout(_PATIENCE):
                ended = await self._open_and_ask(image, flip, heard)
        healed = False
        if flip.mode is Mode.RUNNING and flip.table in AUDIT:
            report, unreadable = self._verified(image)
            healed = self._as_it_was(flip)
        return Came(flip, heard, ended, report, unreadable, healed)

    def _lay_out(self, image: Image) -> None:
        files = self._files[image.path]
        self._path.write_bytes(files["db"])
        log = self._path.with_name("vault.db-wal")
        if files["wal"]:
            log.write_bytes(files["wal"])
        else:
            log.unlink(missing_ok=True)
        self._path.with_name("vault.db-shm").unlink(missing_ok=True)

    def _flip(self, flip: Flip) -> None:
        path = self._path if flip.file == "db" else self._path.with_name("vault.db-wal")
        with path.open("r+b", buffering=0) as file:
            file.seek(flip.offset)
            (byte,) = file.read(1)
            file.seek(flip.offset)
            file.write(bytes((byte ^ 1 << flip.bit,)))

    def _verified(self, image: Image) -> tuple[Report | None, bool]:
        try:
            return verify_audit(self._path, self._images.public, image.newest), False
        except NotReadable:
            return None, True

    async def _open_and_ask(self, image: Image, flip: Flip, heard: Heard) -> str:
        """Return what ended the vault before its time, "" for nothing."""
        clock = FakeClock(self._images.now_us + 60_000_000)
        dice = random.Random(f"{self._seed}/{flip.number}/reopened")
        opener = Opener(self._images.kms, clock, dice.randbytes, self._validation)
        started = False
        try:
            async with opener.opened(self._path) as opened:
                started = True
                if flip.mode is Mode.RUNNING:
                    self._flip(flip)
                asker = Asker(opened, image.truth, heard, self._images.canaries)
                await asker.everything(masked=flip.table.startswith("cards"))
                if flip.table in _BY_NUMBER or flip.table.startswith("cards"):
                    await asker.tokenize_again()
                if flip.table.startswith(_PARKED):
                    await asker.release(image)
        except Exception as error:  # noqa: BLE001 - whatever it is, it may name no number
            text = "".join(traceback.format_exception(error))
            heard.echoes += self._images.canaries.found_in(text.encode())
            return f"{'stopped' if started else 'did not start'}: {_kind(error)}"
        return ""

    def _as_it_was(self, flip: Flip) -> bool:
        """Tell whether a row of the audit is stored as it was before the flip."""
        assert flip.column is not None or flip.table
        if flip.column is None:
            return True
        row = dict(flip.column.row)
        rowid = row.pop("(rowid)", None)
        if rowid is None:
            rowid = row.get("number")
        db = apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            if flip.table == "chains":
                found = list(
                    db.execute("SELECT sequence, hash FROM chains WHERE chain = ?", (row["chain"],))
                )
                return found == [(row["sequence"], row["hash"])]
            names = ", ".join(row)
            sql = f"SELECT {names} FROM {flip.table} NOT INDEXED WHERE rowid = ?"  # noqa: S608
            return list(db.execute(sql, (rowid,))) == [tuple(row.values())]
        except (apsw.Error, UnicodeDecodeError):
            return False
        finally:
            db.close()


def _verified_first(flip: Flip) -> bool:
    if flip.mode is Mode.RUNNING:
        return False
    return flip.mode is Mode.LOG or flip.column is None or flip.table.startswith(tuple(AUDIT))


def _kind(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return type(error).__name__
