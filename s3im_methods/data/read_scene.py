"""All that is known of a scene before a model is built: its views, its facts, and what training would say of it."""

from dataclasses import dataclass

from nerfstudio.data.dataparsers.base_dataparser import DataParserConfig, DataparserOutputs

from s3im_methods.data.checked_parser import read_splits
from s3im_methods.data.checks.scene import check_scene
from s3im_methods.data.cut_out import add_cut_out_facts
from s3im_methods.data.depth.source_config import DepthSourceConfig
from s3im_methods.data.depth.survey import DepthSurvey, survey
from s3im_methods.data.look_at_files import look_at_files
from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.data.surface_dataset import SurfaceDataset


@dataclass(frozen=True)
class ReadScene:
    """A scene that training would accept.

    Args:
        splits: The views of "train", "val" and "test".
        train: The training views with all that the scene has for them.
        depth: What their depth maps hold.
        masks: What the masks are, or None.
        warnings: What training would warn of, one sentence each.
    """

    splits: dict[str, DataparserOutputs]
    train: SurfaceDataset
    depth: DepthSurvey
    masks: str | None
    warnings: tuple[str, ...]

    @property
    def facts(self) -> SceneFacts:
        """What the training views say."""
        return SceneFacts.of(self.train.metadata)


def read_scene(config: DataParserConfig, depth: DepthSourceConfig | None = None, use_masks: bool = True) -> ReadScene:
    """Look at a scene as training would, without a data manager.

    Args:
        config: Any data parser's configuration.
        depth: Where depth comes from; whatever the scene has where None.
        use_masks: Whether masks and alpha say what is foreground.

    Raises:
        InputError: Where training would refuse the scene.
    """
    check_scene(config, with_depth=False)
    depth = depth or DepthSourceConfig(source="auto-or-none")
    lines: list[str] = []
    splits = read_splits(config, say=lines.append)
    train, evaluation = (SurfaceDataset(splits[name], 1.0, depth, use_masks) for name in ("train", "test"))
    info, warnings = look_at_files(train, evaluation)
    add_cut_out_facts(train)
    train.depth_maps.check_files()
    found = survey(train.depth_maps, train.cameras)
    found.check()
    return ReadScene(
        splits, train, found, info[0] if info else None, (*lines, *warnings, *train.doubts(), *found.lines()[1:])
    )
