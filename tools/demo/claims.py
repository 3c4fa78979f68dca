"""What the demo claims: each one printed as it is found to hold, or not."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich.console import Console


@dataclass(slots=True)
class Claims:
    """Collects claims and prints them. The demo is good only if all of them held."""

    console: Console
    held: int = 0
    broken: list[str] = field(default_factory=list)

    def claim(self, text: str, holds: bool, why_not: object = "") -> None:  # noqa: FBT001
        """Print one claim with its verdict; `why_not` (no card data) is shown if it is broken."""
        if holds:
            self.held += 1
            self.console.print(f"  [green]✓[/] {text}", highlight=False, soft_wrap=True)
            return
        self.broken.append(text)
        self.console.print(f"  [bold red]✗ {text}[/]", highlight=False, soft_wrap=True)
        if why_not:
            self.console.print(f"    {why_not}", markup=False, highlight=False)

    def step(self, title: str) -> None:
        """Print a heading."""
        self.console.print()
        self.console.rule(f"[bold]{title}", align="left")

    def verdict(self) -> bool:
        """Print the totals; True if every claim held."""
        self.console.print()
        if self.broken:
            self.console.print(f"[bold red]{len(self.broken)} claims are broken[/]:")
            for text in self.broken:
                self.console.print(f"  ✗ {text}", markup=False)
        else:
            self.console.print(f"[bold green]All {self.held} claims held.[/]")
        return not self.broken
