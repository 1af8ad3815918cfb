"""All that is known of a scene before a model is built: its views, its facts, and what training would say of it."""

from dataclasses import dataclass

from nerfstudio.data.dataparsers.base_dataparser import DataParserConfig, DataparserOutputs

from s3im_methods.data.checked_parser import read_splits
from s3im_methods.data.checks.scene import check_scene
from s3im_methods.data.cut_out import add_cut_out_facts
from s3im_methods.data.depth.source_config import DepthSourceConfig
from s3im_methods.data.depth.survey import survey
from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.data.surface_dataset import SurfaceDataset


@dataclass(frozen=True)
class ReadScene:
    """A scene that training would accept.

    Args:
        splits: The views of "train", "val" and "test".
        facts: What the training views say.
        lines: What training would say of the scene, one sentence each.
    """

    splits: dict[str, DataparserOutputs]
    facts: SceneFacts
    lines: tuple[str, ...]


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
    lines: list[str] = []
    splits = read_splits(config, say=lines.append)
    train = SurfaceDataset(splits["train"], 1.0, depth or DepthSourceConfig(source="auto-or-none"), use_masks)
    add_cut_out_facts(train)
    train.depth_maps.check_files()
    found = survey(train.depth_maps, train.cameras)
    found.check()
    return ReadScene(splits, SceneFacts.of(train.metadata), (*lines, *found.lines()[1:]))
