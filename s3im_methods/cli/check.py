"""``s3im check SCENE``: what training would make of a scene, in seconds and without training anything."""

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import tyro

from s3im_methods.cli.start_up import imports_that_stay


@contextmanager
def _flags_end_with_2() -> Iterator[None]:
    from s3im_methods.errors import InputError

    try:
        yield
    except InputError as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None


@dataclass(frozen=True)
class CheckCommand:
    """Check a scene as training would, and say which method suits it.

    The table lists views, cameras, masks, depth and what the method decides. Give the method that you will train,
    because masks mean the foreground to surface methods only. Ends with status 1 if training would refuse the scene,
    and 2 if a flag is wrong.
    """

    example: ClassVar[str] = "s3im check my-scene --method s3im-neus-facto-lite --picture my-scene.png"

    scene: tyro.conf.Positional[Path]
    """Folder of the scene, or its JSON file."""
    method: str | None = None
    """Method that you will train, see ns-train --help; if not set, s3im-nerfacto-lite is checked, and the last line
    names the method that suits."""
    dataparser: str | None = None
    """Data parser, such as blender-data; if not set, the one that reads what is in the folder."""
    set: tuple[str, ...] = ()
    """Settings of the training, each as FIELD.PATH=VALUE, such as
    pipeline.datamanager.dataparser.downscale-factor=2."""
    picture: Path | None = None
    """Write a picture here: the cameras in 3D, and four images with mask and depth over them."""
    json: bool = False
    """Print JSON in place of the table."""

    def run(self) -> None:
        """Print the table, the warnings and the verdict, and write the picture.

        Raises:
            SystemExit: With status 1 where training would refuse the scene, 2 where a flag is wrong.
        """
        from s3im_methods.compare.axes import parse_setting
        from s3im_methods.compare.ns_train import own_parser, read_arguments, train_arguments
        from s3im_methods.data.checks.which_parser import which_parser
        from s3im_methods.errors import InputError
        from s3im_methods.models.any_method.methods import train_command
        from s3im_methods.outputs import check_picture_file, written
        from s3im_methods.remedies import with_dataparser_flags

        checked = self.method or "s3im-nerfacto-lite"
        found: dict[str, Any] = {"scene": str(self.scene), "method": checked}
        with _flags_end_with_2():
            picture = None if self.picture is None else check_picture_file(self.picture, "--picture")
            settings = [parse_setting(text) for text in self.set]
        try:
            parser = self.dataparser or which_parser(self.scene)
            found["dataparser"] = parser
            with _flags_end_with_2(), imports_that_stay():
                config = read_arguments(train_arguments(checked, self.scene, None, None, settings, parser))
            config.pipeline.datamanager.dataparser.data = self.scene
            report = self._report(config)
        except InputError as error:
            found |= {"accepted": False, "refusal": with_dataparser_flags(str(error))}
            self._print(found)
            raise SystemExit(1) from None
        warnings = [with_dataparser_flags(line) for line in report.warnings]
        found |= {"accepted": True, "rows": report.rows, "warnings": warnings}
        found |= {"for_pictures": report.advice.pictures, "for_a_mesh": report.advice.mesh}
        # A method that was asked for is the one to train.
        method = self.method or report.advice.pictures
        named_parser = None if parser == own_parser(method) else parser
        arguments = train_arguments(method, self.scene, None, None, settings, named_parser)
        found["command"] = shlex.join([*train_command(method), *arguments[1:]])
        if picture is not None:
            with written(picture) as place:
                report.picture(f"{self.scene.absolute().name}: {report.rows['images']}").save(place)
            found["picture"] = str(picture)
        self._print(found)

    def _report(self, config: Any) -> Any:
        from nerfstudio.utils.rich_utils import CONSOLE

        from s3im_methods.checkup.report import report_scene
        from s3im_methods.progress import task

        # What nerfstudio's parsers tell of their own work is in the table too.
        CONSOLE.quiet = True
        try:
            with task("Reading the scene"):
                return report_scene(config)
        finally:
            CONSOLE.quiet = False

    def _print(self, found: dict[str, Any]) -> None:
        if self.json:
            import json

            print(json.dumps(found, indent=1))
            return
        from rich.console import Console
        from rich.markup import escape
        from rich.table import Table

        # Where the output is no terminal, nothing is cut off to fit one.
        console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
        if not found["accepted"]:
            console.print(f"[red]Training would refuse this scene:[/red] {escape(found['refusal'])}")
            return
        table = Table(
            show_header=False, title=escape(f"{found['scene']} ({found['dataparser']})"), title_justify="left"
        )
        table.add_column(no_wrap=True)
        table.add_column()
        for subject, finding in found["rows"].items():
            table.add_row(subject, escape(finding))
        console.print(table)
        for line in found["warnings"]:
            console.print(f"[yellow]{escape(line)}")
        count = len(found["warnings"])
        warned = f", with {count} warning{'' if count == 1 else 's'}" if count else ""
        console.print(f"[green]Training would accept this scene{warned}.")
        if "picture" in found:
            console.print(f"Wrote {escape(found['picture'])}.")
        console.print(f"Next: {escape(found['command'])}", soft_wrap=True)
