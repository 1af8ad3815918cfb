"""``s3im compare``: train variants on scenes with several seeds, and say how much they differ."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import tyro

from s3im_methods.compare.job import Judging

if TYPE_CHECKING:
    from s3im_methods.compare.plan import Request


@dataclass(frozen=True)
class MachineOptions:
    """Where the runs are made."""

    jobs: int = 1
    """How many runs to make at a time."""
    cluster: str | None = None
    """Make the runs as tasks of Ray: the address of a cluster whose machines see scenes and output folder at the same
    paths, or local for one on this machine; needs the extra [cluster]."""


@dataclass(frozen=True)
class CompareCommand:
    """Train variants with several seeds and compare them on held-out views.

    Each run is an ns-train in a process of its own; its command is among the results. A second call with the same
    folder makes what is missing. Differences are to the first value of each axis; of s3im and add also to the control.

    Several axes: s3im compare --methods s3im-tensorf-lite --scenes room object --output-dir out --axes loss=none,s3im
    views=10,all --max-num-iterations 1000
    """

    example: ClassVar[str] = "s3im compare --methods s3im-nerfacto-lite --scenes my-scene --output-dir comparison"

    methods: tuple[str, ...]
    """Methods to train, see ns-train --help; NAME+s3im is a method that is not of this package, with S3IM."""
    scenes: tuple[Path, ...]
    """Folders of scenes, or their JSON files."""
    output_dir: Path
    """Folder of all results."""
    axes: tuple[str, ...] = ("loss",)
    """What varies; of several axes, all combinations are made. Each is NAME, or NAME=VALUE,VALUE:
    - loss: none, s3im, add, keep, control, patch, both
    - weight: of S3IM, as weight=0.1,1
    - repeat: permutations of S3IM, as repeat=1,10
    - kernel: side of S3IM's windows in pixels, as kernel=2,4
    - patch-share: share of the rays that come as patches, as patch-share=0,0.5
    - views: how many training views, as views=10,all
    - corruption: none, noise, blur, exposure, or with a strength, as noise:0.2
    - scales: of the training images, joined by +, as 1,1+2+4; all are evaluated at each
    - FIELD.PATH: any field of the configuration, as pipeline.model.depth.kind=none,bounded"""
    seeds: int = 3
    """How many seeds: 0, 1 and so on."""
    max_num_iterations: int | None = None
    """Training steps; if not set, the method's own number."""
    seconds: float | None = None
    """End each training after this many seconds of training steps."""
    settings: Annotated[tuple[str, ...], tyro.conf.arg(name="set")] = ()
    """Settings of all runs, each as FIELD.PATH=VALUE."""
    dataparser: str | None = None
    """Data parser for all scenes, such as blender-data; if not set, the method's own."""
    judging: Annotated[tyro.conf.OmitArgPrefixes[Judging], tyro.conf.arg(name="evaluation")] = field(
        default_factory=Judging
    )
    """How each run is evaluated."""
    machine: tyro.conf.OmitArgPrefixes[MachineOptions] = field(default_factory=MachineOptions)
    """Where the runs are made."""

    def run(self) -> None:
        """Make the runs that are missing, and the tables and the page of all; also of what is done when interrupted."""
        self._check()
        from s3im_methods.compare.results import only_one
        from s3im_methods.outputs import cannot_write, check_output_folder, is_about_the_place
        from s3im_methods.remedies import remedies_in, with_dataparser_flags

        place = replace(self, output_dir=check_output_folder(self.output_dir, "--output-dir"))
        request = place.request()
        try:
            with only_one(place.output_dir), remedies_in(with_dataparser_flags):
                place._compare(request)
        except OSError as error:
            if not is_about_the_place(error):
                raise
            raise cannot_write(self.output_dir, error) from error

    def _compare(self, request: "Request") -> None:
        import functools
        import shlex
        import sys

        from s3im_methods.compare.axes import in_order_of
        from s3im_methods.compare.cluster import make_runs_on_cluster
        from s3im_methods.compare.plan import axes_of, look_at_scenes, plan
        from s3im_methods.compare.results import read_about, refuse_others, write_about
        from s3im_methods.compare.schedule import is_done, make_runs
        from s3im_methods.errors import InputError

        earlier = read_about(self.output_dir) or {"axes": {}}
        request = replace(request, axes=in_order_of(request.axes, list(earlier["axes"])))
        scenes = look_at_scenes(request)
        sources = {name: facts.source for name, facts in scenes.items()}
        judged = {name: facts.judged for name, facts in scenes.items()}
        # Before changed scenes are written, which runs that are done may have been trained on.
        refuse_others(self.output_dir, request.fixed(), sources, judged)
        jobs = plan(request, self.output_dir, scenes)
        missing = [job for job in jobs if not is_done(job)]
        write_about(
            self.output_dir,
            {
                "command": shlex.join(["s3im", *sys.argv[1:]]),
                "methods": list(self.methods),
                "scenes": list(dict.fromkeys(job.scene for job in jobs)),
                "seeds": list(request.seeds),
                "axes": axes_of(jobs),
                "steps": self.max_num_iterations,
                "seconds": self.seconds,
                "fixed": request.fixed(),
                "sources": sources,
                "judged": judged,
                "trained_on": {name: facts.trained_on for name, facts in scenes.items()},
            },
        )
        print(f"{len(jobs)} runs, of which {len(jobs) - len(missing)} are done.", flush=True)
        say = functools.partial(print, flush=True)
        try:
            if self.machine.cluster is None:
                failures = make_runs(missing, self.machine.jobs, say)
            else:
                failures = make_runs_on_cluster(missing, self.machine.jobs, self.machine.cluster, say)
        except InputError:
            raise
        except BaseException:
            # Ctrl-C, or what nobody foresaw: what is done took its time.
            self._show()
            raise
        self._show()
        for failure in failures:
            print(f"{failure.job.title} failed: {failure.reason.rstrip('.')}. See {failure.job.folder / 'log.txt'}.")
        if failures:
            raise SystemExit(1)

    def request(self) -> "Request":
        """What is asked for, read but not planned yet."""
        from s3im_methods.compare.axes import parse_axis, parse_setting
        from s3im_methods.compare.plan import Request

        return Request(
            methods=self.methods,
            scenes=self.scenes,
            seeds=tuple(range(self.seeds)),
            axes=tuple(map(parse_axis, self.axes)),
            steps=self.max_num_iterations,
            seconds=self.seconds,
            settings=tuple(map(parse_setting, self.settings)),
            dataparser=self.dataparser,
            judging=self.judging,
        )

    def _show(self) -> None:
        from s3im_methods.compare.report import write_report
        from s3im_methods.compare.sheet import write_sheet
        from s3im_methods.compare.table import write_table

        print(write_table(self.output_dir))
        page = write_report(self.output_dir)
        write_sheet(self.output_dir)
        print(f"This table is in {page.with_name('results.md')}; curves and pictures are in {page}.")
        print("Next: open that page in a browser.", flush=True)

    def _check(self) -> None:
        import math

        from s3im_methods.errors import InputError

        for name in ("methods", "scenes"):
            if not getattr(self, name):
                raise InputError(f"--{name} is empty: give one or more.")
        counts = {"seeds": self.seeds, "max-num-iterations": self.max_num_iterations, "jobs": self.machine.jobs}
        counts |= {"held-out-views": self.judging.held_out_views, "curve-points": self.judging.curve_points}
        for name, value in counts.items():
            if value is not None and value < 1:
                raise InputError(f"--{name} is {value}: give 1 or more.")
        if self.seconds is not None and not 0 < self.seconds < math.inf:
            raise InputError(f"--seconds is {self.seconds:g}: give a number above 0.")
        if self.judging.mesh_resolution < 8:
            raise InputError(f"--mesh-resolution is {self.judging.mesh_resolution}: give 8 or more.")
        if not self.judging.mesh_thresholds or not all(0 < value < math.inf for value in self.judging.mesh_thresholds):
            given = " ".join(f"{value:g}" for value in self.judging.mesh_thresholds)
            raise InputError(f"--mesh-thresholds is '{given}': give one or more distances above 0.")
