"""The command `cardvault` (= `python -m vault`)."""

from __future__ import annotations

from chassis.runtime import forbid_core_dumps, prepare_environment
from chassis.uncaught import tell_without_text


def main() -> None:
    """Run the command line. gRPC's own tracing is off before anything imports it.

    No command leaves a core file, nor a traceback with what an exception quotes: `import` and
    `scan` hold card numbers as `serve` does.
    """
    prepare_environment()
    forbid_core_dumps()
    tell_without_text()
    from vault.cli.commands import cardvault  # noqa: PLC0415 - after the environment is safe

    cardvault()


if __name__ == "__main__":
    main()
