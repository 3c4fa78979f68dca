"""The command `cardvault` (= `python -m vault`)."""

from __future__ import annotations

from chassis.runtime import forbid_core_dumps, prepare_environment


def main() -> None:
    """Run the command line. gRPC's own tracing is off before anything imports it.

    No command leaves a core file: `import` and `scan` hold card numbers as `serve` does.
    """
    prepare_environment()
    forbid_core_dumps()
    from vault.cli.commands import cardvault  # noqa: PLC0415 - after the environment is safe

    cardvault()


if __name__ == "__main__":
    main()
