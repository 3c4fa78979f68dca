"""Run the simulator: `python -m updater.simulator [simulate] …` or `… truth …`."""

from updater.simulator.cli import main

if __name__ == "__main__":
    main()
