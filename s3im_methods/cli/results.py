"""``s3im results RUN_OR_FOLDER``: a table of trained runs, from their files alone."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import tyro


@dataclass(frozen=True)
class ResultsCommand:
    """List the runs in a folder, newest first, with PSNR and time.

    No model is loaded. PSNR is what ns-eval --output-path, s3im compare or s3im overview wrote anywhere in the folder.
    The time is from the start of the training to its last checkpoint.
    """

    example: ClassVar[str] = "s3im results outputs --open"

    folder: tyro.conf.Positional[Path] = Path("outputs")
    """A run's folder, or a folder with runs at any depth."""
    open: bool = False
    """Write results.html with the runs' pictures into the folder, and open it if there is a screen."""

    def run(self) -> None:
        """Print the table, and write the page."""
        from rich.console import Console
        from rich.markup import escape
        from rich.table import Table

        from s3im_methods.data.wording import command_line
        from s3im_methods.outputs import check_output_file
        from s3im_methods.runs.listing import list_runs
        from s3im_methods.runs.table import COLUMNS, cells

        listing = list_runs(self.folder)
        # Where the output is no terminal, nothing is cut off to fit one.
        console = Console(width=None if sys.stdout.isatty() else 200, highlight=False)
        table = Table(box=None, pad_edge=False)
        for name in COLUMNS:
            numbers = name in ("steps", "PSNR", "time")
            table.add_column(name, justify="right" if numbers else "left", no_wrap=numbers, overflow="fold")
        for found in listing.runs:
            table.add_row(*map(escape, cells(found)))
        if listing.runs:
            console.print(table)
        sources = sorted({run.psnr_from for run in listing.runs if run.psnr_from})
        if sources:
            print(f"PSNR in dB, from: {'; '.join(sources)}.")
        for folder in listing.unfinished:
            print(f"{folder} has no checkpoint yet.")
        without = next((run for run in listing.runs if run.psnr is None), None)
        if without is not None:
            config = without.folder / "config.yml"
            metrics = config.with_name("metrics.json")
            command = ["ns-eval", "--load-config", config, "--output-path", metrics]
            print(f"Next: {command_line(command)}")
        if self.open:
            page = self.folder.expanduser()
            page = check_output_file((page.parent if page.name == "config.yml" else page) / "results.html", "--open")
            self._open(page, listing.runs)

    def _open(self, page: Path, runs: list) -> None:
        import webbrowser

        from s3im_methods.runs.page import write_page

        write_page(page, runs)
        print(f"Wrote {page}: open {page.absolute().as_uri()} in a browser.")
        # A browser for text would take over the terminal.
        if sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
            webbrowser.open(page.absolute().as_uri())
