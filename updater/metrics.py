"""The updater's own metrics. No label holds input: states and outcomes are closed sets."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from updater.usecases.cycle import CycleReport


class UpdaterMetrics:
    """Counts what cycles did, in the process's registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.failures: Final = Counter(
            "cardvault_updater_step_failures", "Steps of a cycle that failed", registry=registry
        )
        self._enrolled: Final = Counter(
            "cardvault_updater_enrolments_changed",
            "Enrolments that were new or changed",
            registry=registry,
        )
        self._asked: Final = Counter(
            "cardvault_updater_records_asked", "Records in inquiry files sent", registry=registry
        )
        self._files: Final = Counter(
            "cardvault_updater_feed_files",
            "Files of the inbox by what became of them; page on QUARANTINED",
            ("state",),
            registry=registry,
        )
        self._answers: Final = Counter(
            "cardvault_updater_answers",
            "Answers applied, by outcome and disposition",
            ("outcome", "disposition"),
            registry=registry,
        )
        self._unanswered: Final = Counter(
            "cardvault_updater_unanswered", "Questions that timed out", registry=registry
        )
        self._awaiting: Final = Gauge(
            "cardvault_updater_inquiries_awaiting",
            "Inquiries sent and not fully answered",
            registry=registry,
        )

        self.on_duty: Final = Gauge(
            "cardvault_updater_on_duty",
            "1 where this process does the work, 0 where it stands by for another",
            registry=registry,
        )

    def count(self, report: CycleReport) -> None:
        """Add what a step did."""
        self._enrolled.inc(report.enrolled)
        self._asked.inc(report.records_asked)
        self._unanswered.inc(report.unanswered)
        for taken, count in report.taken.items():
            self._files.labels(taken.value).inc(count)
        for (outcome, disposition), count in report.counts.items():
            self._answers.labels(outcome.value, disposition or "NONE").inc(count)
        if report.listened:
            self._awaiting.set(report.awaiting)
