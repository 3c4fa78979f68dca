"""The updater's own metrics. No label holds input: channels are as configured, or closed sets."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from updater.usecases.report import CycleReport
from updater.usecases.take_in import STANDING


class UpdaterMetrics:
    """Counts what turns did, in the process's registry. `channel` is `enrol` for the enrolments."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.failures: Final = Counter(
            "cardvault_updater_step_failures",
            "Steps of a cycle that failed",
            ("channel",),
            registry=registry,
        )
        self._enrolled: Final = Counter(
            "cardvault_updater_enrolments_changed",
            "Enrolments that were new or changed",
            registry=registry,
        )
        self._asked: Final = Counter(
            "cardvault_updater_records_asked",
            "Records in inquiry files sent",
            ("channel",),
            registry=registry,
        )
        self._files: Final = Counter(
            "cardvault_updater_feed_files",
            "Files of the inbox by what became of them; page on QUARANTINED",
            ("channel", "state"),
            registry=registry,
        )
        self._standing: Final = Gauge(
            "cardvault_updater_feed_files_standing",
            "Files of the inbox that wait; page on HELD, which is for an operator to release",
            ("channel", "state"),
            registry=registry,
        )
        self._answers: Final = Counter(
            "cardvault_updater_answers",
            "Answers by outcome and disposition; in the shadow: what would have come of them",
            ("channel", "outcome", "disposition", "shadow"),
            registry=registry,
        )
        self._unanswered: Final = Counter(
            "cardvault_updater_unanswered", "Questions that timed out", registry=registry
        )
        self._awaiting: Final = Gauge(
            "cardvault_updater_inquiries_awaiting",
            "Inquiries sent and not fully answered",
            ("channel",),
            registry=registry,
        )

        self.on_duty: Final = Gauge(
            "cardvault_updater_on_duty",
            "1 where this process does a piece of work, 0 where it stands by for another",
            ("channel",),
            registry=registry,
        )

    def count(self, channel: str, report: CycleReport) -> None:
        """Add what a turn did."""
        self._enrolled.inc(report.enrolled)
        self._unanswered.inc(report.unanswered)
        if report.records_asked:
            self._asked.labels(channel).inc(report.records_asked)
        for taken, count in report.taken.items():
            if taken not in STANDING:
                self._files.labels(channel, taken.value).inc(count)
        for counted, count in report.counts.items():
            shadow = "yes" if counted.shadow else "no"
            labels = (channel, counted.outcome.value, counted.disposition.value, shadow)
            self._answers.labels(*labels).inc(count)
        if report.listened:
            self._awaiting.labels(channel).set(report.awaiting)
            for taken in STANDING:
                self._standing.labels(channel, taken.value).set(report.taken.get(taken, 0))
