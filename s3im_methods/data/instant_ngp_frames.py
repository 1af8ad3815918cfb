"""Scenes of instant-ngp with all that their file says of cameras, masks and depth.

nerfstudio 1.1.5's parser takes every lens for a pinhole with ``fl_y`` equal to ``fl_x``, reads nothing of it in the
frames, and gives a single held-out view a camera of the wrong shape.
"""

from typing import Any

import numpy as np
import torch
from nerfstudio.cameras.camera_utils import get_distortion_params
from nerfstudio.cameras.cameras import CAMERA_MODEL_TO_TYPE, Cameras
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from nerfstudio.data.dataparsers.instant_ngp_dataparser import InstantNGP
from nerfstudio.utils.io import load_from_json

from s3im_methods.data.checks.honoured_keys import honoured
from s3im_methods.data.checks.instant_ngp_scene import focal_lengths, image_of
from s3im_methods.data.checks.known_keys import unread_lines
from s3im_methods.data.depth.listing import METADATA_KEY, FrameList, gone_points, points_of
from s3im_methods.data.wording import quote

_SPLIT = "--eval-mode splits the images"
_UNREAD = {
    **dict.fromkeys(("train_filenames", "val_filenames", "test_filenames"), _SPLIT),
    "orientation_override": "poses are taken as they are",
    "fisheye_crop_radius": "the whole image counts",
}
_TERMS = ("k1", "k2", "k3", "k4", "p1", "p2")


class InstantNGPFrames(InstantNGP):
    """Parses as nerfstudio does, with each frame's own camera, and a ``FrameList`` in the metadata.

    Attributes:
        lines: What to tell the user of the file that was parsed last.
    """

    lines: tuple[str, ...] = ()

    def _generate_dataparser_outputs(self, split: str = "train") -> DataparserOutputs:
        outputs = super()._generate_dataparser_outputs(split)
        path = self.config.data if self.config.data.suffix == ".json" else self.config.data / "transforms.json"
        root, read = path.parent, load_from_json(path)
        meta, said = honoured(read, read["frames"], path)
        self.lines = (*said, *gone_points(meta, path), *unread_lines(meta, meta["frames"], quote(path), _UNREAD))
        by_image = {image_of(root, frame["file_path"]): frame for frame in meta["frames"]}
        frames = [by_image[image] for image in outputs.image_filenames]
        header = {key: value for key, value in meta.items() if key != "frames"}
        size = {"w": int(outputs.cameras.width.flatten()[0]), "h": int(outputs.cameras.height.flatten()[0])}
        outputs.cameras = _cameras([{**size, **header, **frame} for frame in frames], self.config.scene_scale)
        if all("mask_path" in frame for frame in frames):
            outputs.mask_filenames = [root / frame["mask_path"] for frame in frames]
        outputs.metadata[METADATA_KEY] = FrameList(
            source=path,
            frames=frames,
            all_frames=meta["frames"],
            points=points_of(meta, root),
            colmap=None,
            points_to_scene=np.eye(4)[:3],
            header=header,
        )
        return outputs


def _cameras(views: list[dict[str, Any]], scale: float) -> Cameras:
    poses = np.array([view["transform_matrix"] for view in views], dtype=np.float64)[:, :3]
    poses[..., 3] *= scale
    focal = torch.tensor([focal_lengths(view) for view in views])
    centre = torch.tensor([[view.get("cx", view["w"] / 2), view.get("cy", view["h"] / 2)] for view in views])
    size = torch.tensor([[int(view["w"]), int(view["h"])] for view in views])
    return Cameras(
        camera_to_worlds=torch.from_numpy(poses).float(),
        fx=focal[:, :1].float(),
        fy=focal[:, 1:].float(),
        cx=centre[:, :1].float(),
        cy=centre[:, 1:].float(),
        width=size[:, :1],
        height=size[:, 1:],
        distortion_params=torch.stack([_lens(view) for view in views]),
        camera_type=CAMERA_MODEL_TO_TYPE[views[0].get("camera_model", "OPENCV")],
    )


def _lens(view: dict[str, Any]) -> torch.Tensor:
    if "distortion_params" in view:
        return torch.tensor(view["distortion_params"], dtype=torch.float32)
    return get_distortion_params(**{key: float(view.get(key, 0)) for key in _TERMS})
