"""``s3im render-depth``: raw depth of a trained run, one file per view."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from s3im_methods.cli.load_run import load_run

_SPLITS = {"eval": ("test",), "train": ("train",), "all": ("train", "test")}


@dataclass(frozen=True)
class RenderDepthCommand:
    """Write the depth of a run's views, in the unit of its scene's poses.

    If transforms.json has applied_scale, it is the unit before that scaling, like that of the scene's own depth maps.
    """

    example: ClassVar[str] = "s3im render-depth --load-config RUN/config.yml --output-dir depths --split all"

    load_config: Path
    """The run's config.yml, as for ns-eval."""
    output_dir: Path
    """Folder to write to: one file per view in train/ or eval/, and a depths.json that says what they hold."""
    split: Literal["eval", "train", "all"] = "eval"
    """Which views."""
    measure: Literal["z", "distance"] = "z"
    """Depth along the viewing axis, or distance along the ray."""
    file_format: Literal["npy", "png"] = "npy"
    """npy: float32, in the unit of the poses. png: 16-bit, in thousandths of that unit. In both, 0 means no depth."""
    output_name: str = "depth"
    """The model's output to write, for instance expected_depth of nerfacto."""
    min_accumulation: float = 0.5
    """Pixels less opaque than this, from 0 to 1, get 0."""

    def run(self) -> None:
        """Render the views and write their depth."""
        from s3im_methods.data.wording import names_below
        from s3im_methods.errors import InputError
        from s3im_methods.exporters.metric_depth import DepthExport, export_depth
        from s3im_methods.outputs import check_output_folder

        if not 0 <= self.min_accumulation <= 1:
            raise InputError(f"--min-accumulation is {self.min_accumulation:g}: give 0 to 1.")
        output_dir = check_output_folder(self.output_dir, "--output-dir")
        config, pipeline, step = load_run(self.load_config, test_mode="inference")
        manager: Any = pipeline.datamanager
        export = DepthExport(self.output_name, self.measure, self.file_format, self.min_accumulation)
        about = {"method": config.method_name, "steps": step + 1}
        count = too_far = 0
        for split in _SPLITS[self.split]:
            outputs = _views(manager, split)
            folder = output_dir / ("train" if split == "train" else "eval")
            metres_per_unit = 1.0 / outputs.dataparser_scale
            cameras = outputs.cameras.to(pipeline.device)
            written = export_depth(
                pipeline.model, cameras, outputs.image_filenames, metres_per_unit, folder, export, about
            )
            names = dict(zip(outputs.image_filenames, names_below(outputs.image_filenames), strict=True))
            for image, lost in written:
                count, too_far = count + 1, too_far + lost
                print(f"{folder.name} {names[image]}")
        lost = f"; {too_far} pixels farther than 65.5 units became 0" if too_far else ""
        print(f"Wrote the depth of {count} views to {output_dir}{lost}.")


def _views(manager: Any, split: str) -> Any:
    """The split as it was for training: nerfstudio reads no image for rendering, and so knows no downscaled size."""
    from s3im_methods.data.checked_parser import read_again
    from s3im_methods.data.checks.scene import check_scene
    from s3im_methods.data.few_views import keep_views
    from s3im_methods.data.image_sizes import scaled_cameras

    check_scene(manager.dataparser_config, with_depth=False)
    outputs = read_again(manager.dataparser_config, split)
    few = getattr(manager.config, "train_views", None)
    if split == "train" and few is not None:
        outputs = keep_views(outputs, few)
    cameras = scaled_cameras(outputs.cameras, manager.config.camera_res_scale_factor, outputs.image_filenames)
    return replace(outputs, cameras=cameras)
