"""``s3im depth-report SCENE``: what depth a scene offers, per image, before anything is trained."""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import tyro

from s3im_methods.data.depth.source_config import DepthSourceConfig, length_word


@dataclass(frozen=True)
class DepthReportCommand:
    """List and draw the depth that each image of a scene has."""

    example: ClassVar[str] = "s3im depth-report my-scene --output-path depth.png"

    scene: tyro.conf.Positional[Path]
    """Folder with transforms.json, or such a file."""
    depth: DepthSourceConfig = field(default_factory=DepthSourceConfig)
    """Where depth comes from, with the same settings as --pipeline.datamanager.depth of ns-train."""
    output_path: Path = Path("depth_report.png")
    """The picture to write."""
    max_views: int = 6
    """At most this many images are drawn, evenly spread."""
    downscale_factor: int | None = None
    """Look at the images downscaled by this factor; if not set, nerfstudio chooses."""

    def run(self) -> None:
        """Print the table and write the picture."""
        from s3im_methods.errors import InputError
        from s3im_methods.remedies import remedies_in

        if self.max_views < 1:
            raise InputError(f"--max-views is {self.max_views}: give 1 or more.")
        with remedies_in(lambda message: _for_this_command(message, self.scene)):
            self._report()

    def _report(self) -> None:
        from rich.console import Console
        from rich.table import Table

        from s3im_methods.data.depth.picture import draw_report
        from s3im_methods.data.depth.report import COLUMNS, DepthReport
        from s3im_methods.outputs import check_picture_file, written

        output_path = check_picture_file(self.output_path, "--output-path")
        report = DepthReport(self.scene, self.depth, self.downscale_factor)
        table = Table(*COLUMNS)
        table.columns[0].no_wrap = True
        for column in table.columns[1:7]:
            column.justify = "right"
            column.no_wrap = True
        rows = list(report.rows())
        for row in rows:
            table.add_row(*row.cells())
        # Where the output is no terminal, nothing is cut off to fit one.
        Console(width=None if sys.stdout.isatty() else 160).print(table)
        for line in report.lines():
            print(line.replace("--pipeline.datamanager.depth.", "--depth."))
        with_depth = [row for row in rows if row.coverage > 0]
        title = f"Depth of {self.scene.absolute().name} from {report.source}: {len(with_depth)} of {len(rows)} images"
        with written(output_path) as path:
            draw_report(title, report.views(self.max_views)).save(path)
        summary = f"{title} have depth"
        if with_depth:
            coverage = 100 * sum(row.coverage for row in with_depth) / len(with_depth)
            nearest, farthest = min(row.nearest for row in with_depth), max(row.farthest for row in with_depth)
            lengths = f"from {nearest:.3g} to {farthest:.3g} {length_word(report.source)}"
            summary += f", on {coverage:.1f} % of their pixels, {lengths}"
        print(f"{summary}. Wrote {output_path}.")


def _for_this_command(sentence: str, scene: Path) -> str:
    """A sentence that names flags of ns-train, with those of this command."""
    from s3im_methods.remedies import of_transforms_only

    sentence = sentence.replace("--pipeline.datamanager.depth.", "--depth.")
    sentence = sentence.replace(
        "`nerfstudio-data --downscale-factor 1` at the end of the command", "--downscale-factor 1"
    )
    return of_transforms_only(sentence, scene)
