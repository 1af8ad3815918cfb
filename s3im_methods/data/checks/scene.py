"""Look at a scene before nerfstudio does."""

from pathlib import Path

from nerfstudio.data.dataparsers.base_dataparser import DataParserConfig
from nerfstudio.data.dataparsers.blender_dataparser import BlenderDataParserConfig
from nerfstudio.data.dataparsers.dnerf_dataparser import DNeRFDataParserConfig
from nerfstudio.data.dataparsers.instant_ngp_dataparser import InstantNGPDataParserConfig
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig

from s3im_methods.data.checked_parser import be_silent, read_splits
from s3im_methods.data.checks.blender_scene import check_angle_of_view, check_blender_scene
from s3im_methods.data.checks.folder import check_exists
from s3im_methods.data.checks.instant_ngp_scene import check_instant_ngp_scene
from s3im_methods.data.checks.nerfstudio_scene import check_nerfstudio_scene
from s3im_methods.data.checks.transforms import read_transforms


def check_scene(dataparser_config: DataParserConfig, with_depth: bool = True) -> None:
    """Refuse a scene that nerfstudio could not read, train on and evaluate, without changing any file.

    Scenes for ``nerfstudio-data`` and ``blender-data`` are checked throughout: JSON, poses, cameras, splits, and every
    image, mask and depth map (their headers and ends, and the checksums of PNGs; they are decoded only where something
    looks wrong, so that 1,000 JPEGs take about a second; PNGs are read whole, once a process). Scenes of other
    parsers, and the JSON for ``instant-ngp-data``, are parsed, and what comes out is checked.

    Args:
        dataparser_config: The data parser's configuration; its ``data`` is the scene's path.
        with_depth: Whether nerfstudio's parser is to read the depth maps; our own data manager looks at them by itself.

    Raises:
        InputError: One sentence: what is wrong, in which file, and what to do.
    """
    check_exists(Path(dataparser_config.data))
    if isinstance(dataparser_config, NerfstudioDataParserConfig):
        check_nerfstudio_scene(dataparser_config, with_depth)
    elif isinstance(dataparser_config, BlenderDataParserConfig):
        check_blender_scene(dataparser_config)
    else:
        if isinstance(dataparser_config, InstantNGPDataParserConfig):
            check_instant_ngp_scene(dataparser_config)
        if isinstance(dataparser_config, DNeRFDataParserConfig):
            paths = [Path(dataparser_config.data) / f"transforms_{split}.json" for split in ("train", "val", "test")]
            for path in filter(Path.is_file, paths):
                check_angle_of_view(read_transforms(path), path)
        read_splits(dataparser_config, say=be_silent)
