"""The command `cardvault-updater` (= `python -m updater`)."""

from chassis.runtime import prepare_environment


def main() -> None:
    """Run the command line. gRPC's own tracing is off before anything imports it."""
    prepare_environment()
    from updater.cli.commands import updater  # noqa: PLC0415 - after the environment is safe

    updater()


if __name__ == "__main__":
    main()
