"""``s3im doctor``: whether this machine can train, and what to do where it cannot."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar


@dataclass(frozen=True)
class DoctorCommand:
    """Look at this machine's software and say what to do about what is missing.

    It looks at Python, packages, memory, kernels and programs, and changes nothing. The exit status is 1 if something
    that training needs is broken, else 0.
    """

    example: ClassVar[str] = "s3im doctor"

    output_dir: Path = Path("outputs")
    """Folder that runs will be written to, as ns-train's --output-dir."""
    port: int = 7007
    """Port of the viewer, as ns-train's --viewer.websocket-port."""
    json: bool = False
    """Print JSON in place of lines."""

    def run(self) -> None:
        """Run all checks and show each finding as soon as it is known.

        Raises:
            SystemExit: With status 1, if something is broken that training needs.
        """
        import contextlib
        import sys

        from rich.console import Console

        from s3im_methods.doctor import checks
        from s3im_methods.doctor.findings import Finding, Settings, examine
        from s3im_methods.doctor.report import show, to_json, verdict

        settings, findings = Settings(self.output_dir, self.port), dict[str, Finding]()
        console = Console(file=sys.stderr if self.json else sys.stdout, quiet=self.json, highlight=False)

        def report(some: tuple[checks.Check, ...]) -> None:
            # Libraries print what they like, and JSON is to be read by programs.
            with contextlib.redirect_stdout(sys.stderr):
                for name, finding in examine(some, settings):
                    findings[name] = finding
                    show(console, name, finding)

        report(checks.LIGHT)
        report(checks.torch_checks())
        if findings["torch"].state != "broken":
            import torch

            report(checks.grid_checks("cpu"))
            if torch.cuda.is_available():
                report(checks.grid_checks("cuda"))
        if self.json:
            print(to_json(findings))
        else:
            console.print(f"\n{verdict(findings)}")
        if any(finding.state == "broken" for finding in findings.values()):
            raise SystemExit(1)
