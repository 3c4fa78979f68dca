"""Feed files as tables. They hold counts, codes and tokens, never a number."""

from collections.abc import Sequence

from cardvault.updater.v1 import feed_service_pb2 as pb
from cardvault.updater.v1 import updater_service_pb2 as updater_pb
from cardvault.vault.v1 import update_pb2
from rich.table import Table

from updater.cli.tables import add, table_of, when, would
from updater.domain.feed import Answer, ExceptionKind, FeedFile, FeedReport, FeedState
from updater.rpc.messages import Counts


def feeds_table(reports: Sequence[FeedReport]) -> Table:
    """Return the files that came in, newest first; those with counts have a line for each."""
    table = table_of(
        "Feed files",
        ("received", "file", "channel", "name", "state", "why", "records"),
        ("outcome", "disposition", "shadow", "count"),
        numbers=("records", "count"),
    )
    for report in reports:
        file = report.file
        about = [when(file.received_at), file.feed_id, file.channel, file.name, file.state.value]
        about += [_why(file), str(file.records)]
        lines = _counted(report.counts) or [("", "", "", "")]
        for at, line in enumerate(lines):
            add(table, *(about if at == 0 else [""] * len(about)), *line)
        table.add_section()
    return table


def counts_table(counts: Counts, title: str = "Answers") -> Table:
    """Return answers by outcome and disposition; `would` marks what changed nothing (shadow)."""
    table = table_of(title, ("outcome", "disposition", "shadow", "count"), numbers=("count",))
    for line in _counted(counts):
        add(table, *line)
    return table


def file_lines(file: FeedFile) -> Table:
    """Return what is known of one file."""
    table = Table(title=file.feed_id, show_header=False)
    for name, value in (
        ("channel", file.channel),
        ("name", file.name),
        ("state", file.state.value),
        ("why", _why(file)),
        ("inquiry", file.batch_id),
        ("tenant", file.tenant),
        ("records", str(file.records)),
        ("made", when(file.file_time)),
        ("received", when(file.received_at)),
        ("missing since", when(file.missing_since)),
        ("decided", _told(file.decided_at, file.decided_by, file.decision)),
        ("applied", when(file.applied_at)),
        ("taken back", _told(file.reverted_at, file.reverted_by, file.revert_reason)),
        ("same as", file.duplicate_of),
    ):
        if value:
            add(table, name, value)
    return table


def answers_table(answers: Sequence[Answer]) -> Table:
    """Return what records said of which card and what came of it."""
    table = table_of(
        "Records",
        ("record", "token", "outcome", "disposition", "shadow", "code", "reason"),
        numbers=("record",),
    )
    for each in answers:
        code = "/".join(part for part in (each.raw_code, each.raw_reason) if part)
        add(
            table,
            str(each.ordinal),
            each.token,
            each.outcome.value,
            each.disposition.value,
            would(shadow=each.shadow),
            code,
            each.reason,
        )
    return table


def replayed_table(reply: pb.ReplayFeedFileResponse, *, dry_run: bool) -> Table:
    """Return what a replay brought."""
    title = "A replay would bring" if dry_run else "The replay brought"
    table = table_of(title, ("outcome", "disposition", "shadow", "count"), numbers=("count",))
    for each in reply.counts:
        add(table, *_line(each))
    return table


def reverted_table(reply: pb.RevertFeedFileResponse, *, dry_run: bool) -> Table:
    """Return what was taken back; of cards that stay, the first tokens."""
    table = table_of(
        "A revert would do" if dry_run else "The revert has done",
        ("what", "cards"),
        numbers=("cards",),
    )
    for each in reply.counts:
        add(table, pb.Undone.Name(each.undone).removeprefix("UNDONE_"), str(each.count))
    if reply.dropped_parked_count:
        add(table, "parked answers dropped", str(reply.dropped_parked_count))
    for token in reply.kept_tokens:
        add(table, f"stays, in whole or in part: {token}", "")
    return table


def _counted(counts: Counts) -> list[tuple[str, str, str, str]]:
    ordered = sorted(counts.items(), key=lambda item: (item[0].shadow, *item[0][:2]))
    return [
        (
            counted.outcome.value,
            counted.disposition.value,
            would(shadow=counted.shadow),
            str(number),
        )
        for counted, number in ordered
    ]


def _line(count: updater_pb.OutcomeCount) -> tuple[str, str, str, str]:
    outcome = update_pb2.UpdateOutcome.Name(count.outcome).removeprefix("UPDATE_OUTCOME_")
    disposition = update_pb2.Disposition.Name(count.disposition).removeprefix("DISPOSITION_")
    if not count.disposition:
        disposition = "NOT_SENT"
    return outcome, disposition, would(shadow=count.shadow), str(count.count)


def _told(at: int | None, who: str, why: str) -> str:
    """Return when something was decided, by whom and why."""
    return " ".join(part for part in (when(at), who, why and f"({why})") if part)


def _why(file: FeedFile) -> str:
    if file.state is FeedState.QUARANTINED and file.offset:
        return f"{file.reason} at byte {file.offset}"
    missing = "" if file.missing_since is None else ExceptionKind.FILE_MISSING.value
    return " ".join(word for word in (file.reason, missing) if word)
