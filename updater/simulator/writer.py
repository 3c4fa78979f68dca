"""Make the files of an answer: rows, disturbances and switched-on faults, text, seal, names."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from updater.simulator.exchange import Parcel
from updater.simulator.faults import Faults
from updater.simulator.formats import Head, Trailer
from updater.simulator.pgp import Seal
from updater.simulator.plan import DAY, Slot, What, sequence_of
from updater.simulator.request import Case
from updater.simulator.rules import Rules
from updater.simulator.sheet import Sheet, sheet, text_of


@dataclass(frozen=True, slots=True)
class Made:
    """Hold one planned file, made: its parcels (none if it has nothing to say) and its counts."""

    parcels: Sequence[Parcel]
    codes: Mapping[str, int]
    report: Mapping[str, object]


class Writer:
    """Write files for one set of rules."""

    def __init__(self, rules: Rules, seal: Seal, faults: Faults) -> None:
        self._rules: Final = rules
        self._others: Final = rules.others()
        self._seal: Final = seal
        self._faults: Final = faults

    def write(self, case: Case, slot: Slot, asked: bytes) -> Made:
        """Make one planned file; `asked` is the request's text, for a file sent back."""
        faults, form = self._faults, self._rules.form
        if slot.what is What.CONFLICTING:
            found = self._conflicting(case, slot.day)
        else:
            found = sheet(self._rules, case, slot.day, many_to_one=faults.many_to_one)
        if not found.lines and slot.day > 0:
            return Made([], {}, {})
        seal = faults.spoiled_seal(self._seal)
        mark = "other" if slot.what is What.CONFLICTING else ""
        name = form.response_name(case.merchant, case.batch, slot.number, mark)
        parcels = [faults.parcel(name, seal.close(self._text(case, slot, found, asked)))]
        if slot.twice or faults.duplicate_file:
            again = form.response_name(case.merchant, case.batch, slot.number, "dup")
            parcels.append(Parcel(again, parcels[0].ciphertext))
        if faults.conflicting_file:
            other = form.response_name(case.merchant, case.batch, slot.number, "other")
            lines = self._conflicting(case, slot.day)
            parcels.append(Parcel(other, seal.close(self._text(case, slot, lines, asked))))
        return Made(parcels, found.codes, _report(slot, found))

    def text(self, case: Case, slot: Slot) -> bytes:
        """Return a planned file's plain text, as it is before it is sealed."""
        conflicting = slot.what is What.CONFLICTING
        found = (
            self._conflicting(case, slot.day) if conflicting else sheet(self._rules, case, slot.day)
        )
        return self._text(case, slot, found, b"")

    def _conflicting(self, case: Case, day: int) -> Sheet:
        """Return other answers than the right ones, by another seed; one less if they agree.

        None where there is no right file of that day: nothing would be contradicted.
        """
        right, other = sheet(self._rules, case, day), sheet(self._others, case, day)
        if not right.lines and day > 0:
            return right
        if right.lines == other.lines and other.lines:
            other.lines.pop()
        return other

    def _text(self, case: Case, slot: Slot, found: Sheet, asked: bytes) -> bytes:
        if self._faults.wrong_direction:
            return asked[: -len(asked) // 3] if self._faults.truncate else asked
        # A conflicting file pretends to be the one it contradicts.
        after = slot.day * DAY if slot.what is What.CONFLICTING else slot.after
        head = Head(case.came + after, sequence_of(self._rules, case, slot.number))
        trailer = slot.trailer
        if self._faults.wrong_count and trailer is Trailer.RIGHT:
            trailer = Trailer.MORE
        return text_of(
            self._rules.form,
            case.request,
            head,
            self._faults.ordered(self._rules.seed, found.lines),
            trailer=trailer,
            cut=self._faults.truncate or slot.what is What.TRUNCATED,
        )


def _report(slot: Slot, found: Sheet) -> dict[str, object]:
    kinds = Counter({kind.value: count for kind, count in found.kinds.items()})
    return {
        "what": slot.what.value,
        "number": slot.number,
        "trailer": slot.trailer.value,
        "records": sum(found.codes.values()),
        "codes": dict(sorted(found.codes.items())),
        "kinds": dict(sorted(kinds.items())),
    }
