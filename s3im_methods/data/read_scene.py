"""All that is known of a scene before a model is built: its views, its facts, and what training would say of it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from nerfstudio.data.dataparsers.base_dataparser import DataParserConfig, DataparserOutputs

from s3im_methods.data.checked_parser import read_splits
from s3im_methods.data.checks.scene import check_scene
from s3im_methods.data.cut_out import add_cut_out_facts
from s3im_methods.data.depth.source_config import DepthSourceConfig
from s3im_methods.data.depth.survey import DepthSurvey, survey
from s3im_methods.data.few_views import keep_views
from s3im_methods.data.image_sizes import check_factor
from s3im_methods.data.look_at_files import look_at_files
from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.data.surface_dataset import SurfaceDataset
from s3im_methods.errors import InputError


@dataclass(frozen=True)
class ReadScene:
    """A scene that training would accept.

    Args:
        splits: The views of "train", "val" and "test".
        train: The training views with all that the scene has for them.
        evaluation: The views that are looked at during training.
        depth: What their depth maps hold.
        masks: What the masks are, or None.
        warnings: What training would warn of, one sentence each.
    """

    splits: dict[str, DataparserOutputs]
    train: SurfaceDataset
    evaluation: SurfaceDataset
    depth: DepthSurvey
    masks: str | None
    warnings: tuple[str, ...]

    @property
    def facts(self) -> SceneFacts:
        """What the training views say."""
        return SceneFacts.of(self.train.metadata)


def read_scene(
    config: DataParserConfig,
    depth: DepthSourceConfig | None = None,
    use_masks: bool = True,
    scale_factor: float = 1.0,
    ignores_masks: bool = False,
    train_views: int | None = None,
    for_surfaces: bool = True,
) -> ReadScene:
    """Look at a scene as training would, without a data manager.

    Args:
        config: Any data parser's configuration.
        depth: Where depth comes from; where None, whatever the scene has, and a warning where it cannot be used.
        use_masks: Whether masks and alpha say what is foreground.
        scale_factor: Factor of the images' resolution.
        ignores_masks: Whether pixels are drawn off the masks too.
        train_views: How many views to train on; None for all.
        for_surfaces: Whether a surface method is to be trained, which may also learn from normals.

    Raises:
        InputError: Where training would refuse the scene.
    """
    check_factor(scale_factor)
    check_scene(config, with_depth=False)
    lines: list[str] = []
    splits = read_splits(config, say=lines.append)
    if train_views is not None:
        splits["train"] = keep_views(splits["train"], train_views)
    make = partial(
        SurfaceDataset, scale_factor=scale_factor, use_masks=use_masks, train_cameras=splits["train"].cameras
    )
    views, of_depth = None, []
    if depth is None:
        try:
            views = _with_depth(splits, partial(make, depth=DepthSourceConfig(source="auto-or-none")))
        except InputError as error:
            # A method that learns from no depth does not open these files.
            lines.append(f"A method that learns from depth would refuse this scene. {error}")
            depth = DepthSourceConfig(source="none")
    if views is None:
        views = _with_depth(splits, partial(make, depth=depth))
        of_depth = views[2].lines()[1:]
    train, evaluation, found = views
    if for_surfaces:
        train.check_normals()
        evaluation.check_normals()
    info, warnings = look_at_files(train, evaluation, ignores_masks)
    add_cut_out_facts(train)
    warnings = [*lines, *warnings, *(train.doubts() if for_surfaces else []), *of_depth]
    return ReadScene(splits, train, evaluation, found, info[0] if info else None, tuple(warnings))


def _with_depth(
    splits: dict[str, DataparserOutputs], make: Callable[[DataparserOutputs], SurfaceDataset]
) -> tuple[SurfaceDataset, SurfaceDataset, DepthSurvey]:
    train, evaluation = make(splits["train"]), make(splits["val"])
    train.depth_maps.check_files()
    evaluation.depth_maps.check_files()
    found = survey(train.depth_maps, train.cameras)
    found.check()
    for index in range(len(evaluation)):
        # Training reads these too, after the images.
        evaluation.depth_maps.get(index)
    return train, evaluation, found
