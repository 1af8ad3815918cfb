"""``s3im overview``: one picture of how well a run shows views that it was not trained on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from s3im_methods.cli.load_run import load_run


@dataclass(frozen=True)
class OverviewCommand:
    """Draw truth, render, depth and error of held-out views into one picture.

    Each view's PSNR and SSIM stand beside it.
    """

    example: ClassVar[str] = "s3im overview --load-config RUN/config.yml"

    load_config: Path
    """The run's config.yml, as for ns-eval."""
    output_path: Path | None = None
    """The picture to write; if not set, overview.png in the run's folder, where s3im results finds it."""
    max_views: int = 6
    """At most this many views are drawn, evenly spread over the held-out ones."""

    def run(self) -> None:
        """Render the views and write the picture."""
        import numpy as np

        from s3im_methods.data.views_at_scale import view_names
        from s3im_methods.data.wording import command_line
        from s3im_methods.engine.run_config import find_config
        from s3im_methods.errors import InputError
        from s3im_methods.metrics.overview import ViewResult, draw_overview
        from s3im_methods.models.s3im_losses import WHAT_COUNTS, true_picture
        from s3im_methods.outputs import check_picture_file, written
        from s3im_methods.progress import track
        from s3im_methods.runs.picture_notes import save_with_note

        if self.max_views < 1:
            raise InputError(f"--max-views is {self.max_views}: give 1 or more.")
        config_path = find_config(self.load_config)
        output_path = check_picture_file(self.output_path or config_path.with_name("overview.png"), "--output-path")
        config, pipeline, step = load_run(config_path, test_mode="test")
        manager: Any = pipeline.datamanager
        loader = manager.fixed_indices_eval_dataloader
        names = view_names(loader.input_dataset)
        count = len(names)
        chosen = set(np.linspace(0, count - 1, min(self.max_views, count)).round().astype(int).tolist())
        views: list[ViewResult] = []
        drawn = ((names[index], *pair) for index, pair in enumerate(loader) if index in chosen)
        for name, camera, batch in track(drawn, "Rendering", len(chosen)):
            outputs = pipeline.model.get_outputs_for_camera(camera)
            metrics, _ = pipeline.model.get_image_metrics_and_images(outputs, batch)
            views.append(
                ViewResult(
                    name=name,
                    truth=true_picture(pipeline.model, batch["image"]).cpu(),
                    render=outputs["rgb"].cpu(),
                    depth=outputs["depth"].cpu(),
                    accumulation=outputs["accumulation"].cpu(),
                    psnr=metrics["psnr"],
                    ssim=metrics["ssim"],
                    masked_psnr=metrics.get("masked_psnr"),
                )
            )
        title = f"{config.method_name} after {step + 1} steps: {len(views)} of {count} held-out views"
        mean = sum(view.psnr for view in views) / len(views)
        note = {"run": str(config.get_base_dir().absolute()), "steps": step + 1, "psnr": mean, "views": len(views)}
        with written(output_path) as path:
            save_with_note(draw_overview(title, views), path, note)
        print(f"Wrote {output_path}: mean PSNR of the {len(views)} drawn views {mean:.2f} dB.")
        if any(view.masked_psnr is not None for view in views):
            print(WHAT_COUNTS)
        print(f"Next: {command_line(['s3im', 'turntable', '--load-config', config_path])}")
