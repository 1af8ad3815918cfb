"""How the doctor's findings are shown."""

import json
import math

from rich.console import Console
from rich.table import Table
from rich.text import Text

from s3im_methods.doctor.findings import Finding

_COLOURS = {"ok": "green", "warning": "yellow", "missing": "yellow", "broken": "bold red"}


def show(console: Console, name: str, finding: Finding) -> None:
    """Print one line, and the remedy below it.

    Args:
        console: Where to print.
        name: Of the check.
        finding: What it found.
    """
    line = Table.grid(padding=(0, 2), expand=True)
    line.add_column(width=7)
    line.add_column(width=19)
    line.add_column(ratio=1, overflow="fold")
    line.add_row(Text(finding.state, _COLOURS[finding.state]), Text(name), Text(finding.detail))
    if finding.remedy:
        line.add_row("", "", Text(f"→ {finding.remedy}"))
    console.print(line)


def verdict(findings: dict[str, Finding]) -> str:
    """One sentence on what the findings mean for a training.

    Args:
        findings: By the check's name.

    Example:
        >>> verdict({"torch": Finding("ok", ""), "COLMAP": Finding("missing", "")})
        'Training works here. 1 of 2 checks has something to say.'
    """
    broken = [name for name, finding in findings.items() if finding.state == "broken"]
    if broken:
        return f"Training does not work here: {', '.join(broken)}."
    other = sum(finding.state != "ok" for finding in findings.values())
    said = f" {other} of {len(findings)} checks {'has' if other == 1 else 'have'} something to say." if other else ""
    return f"Training works here.{said}"


def to_json(findings: dict[str, Finding]) -> str:
    """All findings, for programs.

    Args:
        findings: By the check's name.
    """
    checks = [{"check": name, **vars(finding), "numbers": _writable(finding)} for name, finding in findings.items()]
    works = all(finding.state != "broken" for finding in findings.values())
    return json.dumps({"training_works": works, "checks": checks}, indent=2)


def _writable(finding: Finding) -> dict[str, float | None]:
    # JSON has neither NaN nor infinity.
    return {name: number if math.isfinite(number) else None for name, number in finding.numbers.items()}
