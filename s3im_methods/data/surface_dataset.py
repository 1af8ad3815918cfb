"""nerfstudio's images for surface methods: foreground as alpha, normals, depth, and the sphere of the scene."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from nerfstudio.data.datasets.sdf_dataset import SDFDataset
from numpy.typing import NDArray
from torch import Tensor

from s3im_methods.data.checks.files import Listed
from s3im_methods.data.depth.depth_files import read_array
from s3im_methods.data.depth.fit_size import fit_size
from s3im_methods.data.depth.listing import METADATA_KEY, FrameList
from s3im_methods.data.depth.source_config import DepthSourceConfig
from s3im_methods.data.depth_dataset import DepthDataset
from s3im_methods.data.few_views import spread_evenly
from s3im_methods.data.foreground import add_alpha, any_transparent
from s3im_methods.data.masks import read_mask
from s3im_methods.data.normal_maps import NORMAL_KEY, facing_away, odd_axes, scene_normals
from s3im_methods.data.scene_facts import SceneFacts, add_facts
from s3im_methods.data.scene_sphere import fit_scene_sphere
from s3im_methods.data.wording import quote, some, which
from s3im_methods.errors import InputError

# So many maps tell what all are like.
_MOST_MAPS = 8
SURFACE_KEYS = ("fg_mask", "depth", "normal")


class SurfaceDataset(DepthDataset):
    """Images with what surface methods learn from; besides the keys of ``DepthDataset``, each image's data hold:

    - ``image``, ``[H, W, 4]`` where the scene has a foreground: its own alpha times its mask, opaque where it has
      neither. There is no ``mask``, so that pixels are drawn from whole images, and the parser's background and mask
      colours go unused. Without a foreground ``[H, W, 3]``.
    - ``fg_mask``, float32 ``[H, W, 1]``, that alpha from 0 to 1, where the scene has a foreground.
    - ``normal``, float32 ``[H, W, 3]``, in the scene's axes, of length 1, or 0 where unknown, if frames of
      nerfstudio's scenes list ``normal_file_path`` or sdfstudio's parser includes the monocular priors.
    - ``depth``, float32 ``[H, W]``, only with those priors: monocular depth up to scale and shift.

    All images of a split have the same of these keys. ``metadata`` holds what of
    :class:`~s3im_methods.data.scene_facts.SceneFacts` is about foreground, normals, monocular depth and spheres.

    Args:
        dataparser_outputs: The split, as parsed.
        scale_factor: Factor of the images' resolution.
        depth: The settings of depth; as they come where None.
        use_masks: Whether masks and alpha say what is foreground; if not, they mean what they do in nerfstudio: masks
            restrict the pixels that are drawn, and there is no ``fg_mask``.
        train_cameras: The training cameras, for the spheres; those of this split where None.

    Raises:
        InputError: See :class:`DepthDataset`.
    """

    exclude_batch_keys_from_device = [*DepthDataset.exclude_batch_keys_from_device, *SURFACE_KEYS]  # noqa: RUF012

    def __init__(
        self,
        dataparser_outputs: DataparserOutputs,
        scale_factor: float = 1.0,
        depth: DepthSourceConfig | None = None,
        use_masks: bool = True,
        train_cameras: Cameras | None = None,
    ) -> None:
        self.use_masks = use_masks
        self.foreground_filenames = dataparser_outputs.mask_filenames if use_masks else None
        if use_masks:
            dataparser_outputs = replace(dataparser_outputs, mask_filenames=None, alpha_color=None)
        super().__init__(dataparser_outputs, scale_factor, depth)
        self.has_foreground_mask = use_masks and (
            bool(self.foreground_filenames) or any_transparent(dataparser_outputs.image_filenames)
        )
        self._frames: FrameList | None = dataparser_outputs.metadata.get(METADATA_KEY)
        self._has_normals = self._frames is not None and any(f.get(NORMAL_KEY) for f in self._frames.all_frames)
        has_priors = bool(dataparser_outputs.metadata.get("include_mono_prior"))
        self._priors = SDFDataset(dataparser_outputs, scale_factor) if has_priors else None
        cameras = dataparser_outputs.cameras if train_cameras is None else train_cameras
        add_facts(
            self.metadata,
            has_foreground_mask=self.has_foreground_mask,
            has_normals=self._has_normals or has_priors,
            has_monocular_depth=has_priors or self.depth_maps.source == "monocular",
            scene_kind=fit_scene_sphere(cameras, "auto").kind,
            # Some parsers know it from the data.
            object_sphere=SceneFacts.of(self.metadata).object_sphere or fit_scene_sphere(cameras, "object"),
            room_sphere=fit_scene_sphere(cameras, "room"),
        )

    @property
    def listed_masks(self) -> list[Path]:
        """The masks that the split lists, of the foreground or of what is trained on."""
        return self.foreground_filenames or super().listed_masks

    @property
    def mask_role(self) -> str:
        """What a white pixel of a mask is."""
        return "foreground" if self.use_masks else super().mask_role

    def colour_warnings(self, ignores_masks: bool) -> list[str]:
        """What of the colours given for masked images has no effect, a sentence each.

        Args:
            ignores_masks: Whether pixels are drawn off the masks too.
        """
        if self.use_masks and self._dataparser_outputs.metadata.get("mask_color") is not None:
            return [
                "--mask-color has no effect, because what the masks leave out is learned as background: drop it, or "
                "set --pipeline.datamanager.use-masks False."
            ]
        return super().colour_warnings(ignores_masks)

    def get_numpy_image(self, image_idx: int) -> NDArray[np.uint8]:
        """The image as stored, with alpha where the scene has a foreground, ``[H, W, 3 or 4]``.

        Args:
            image_idx: Its number in the split.

        Raises:
            InputError: If its mask cannot be read.
        """
        image = super().get_numpy_image(image_idx)
        if not self.use_masks:
            return image
        if not self.has_foreground_mask:
            return image[..., :3]
        files = self.foreground_filenames
        mask = read_mask(files[image_idx], image.shape[:2]) if files else None
        return add_alpha(image, mask)

    def get_metadata(self, data: dict) -> dict[str, Tensor]:
        """Depth, foreground and normals of one image.

        Args:
            data: What is known of it already: ``image_idx`` and ``image``.

        Raises:
            InputError: If one of its files cannot be used.
        """
        values = super().get_metadata(data)
        index, image = int(data["image_idx"]), data["image"]
        if self.has_foreground_mask:
            alpha = image[..., 3:]
            values["fg_mask"] = alpha.clone() if alpha.is_floating_point() else alpha.float() / 255.0
        if self._has_normals:
            values["normal"] = self._normals(index)
        if self._priors is not None:
            values |= {"depth": self._prior_depth(index), "normal": self._prior_normals(index)}
        return values

    def check_normals(self) -> None:
        """Refuse normal maps that frames list and that are missing; a parser's priors are looked at with its images.

        Raises:
            InputError: If there are any; the sentence counts them and names the first.
        """
        if self._frames is None or self._priors is not None:
            return
        source = self._frames.source
        paths = [source.parent / name for name in self._normal_names().values()]
        remedy = "put back what is missing, or drop its entry from those frames, which then train without it"
        Listed("normal map", paths, source, remedy).check_present()

    def doubts(self) -> list[str]:
        """What of masks and of maps of normals and monocular depth looks as if something else was meant.

        Raises:
            InputError: If one of the maps that are looked at cannot be used.
        """
        found = [warning for warning in (self._odd_normals(), self._empty_depth()) if warning]
        if self.foreground_filenames and SceneFacts.of(self.metadata).scene_kind == "room":
            found.append(
                "The scene's masks count as the foreground's, but its cameras do not look at one object from outside: "
                "if the masks only hide what moved, set --pipeline.datamanager.use-masks False."
            )
        return found

    def _odd_normals(self) -> str | None:
        """A warning where normal maps show surfaces from behind, as in other axes than OpenCV's they do.

        Raises:
            InputError: If one of the maps that are looked at cannot be used.
        """
        names = self._normal_names()
        if not names:
            return None
        listed = list(names)
        looked_at = [listed[place] for place in spread_evenly(min(_MOST_MAPS, len(listed)), len(listed))]
        read = self._normals if self._priors is None else self._prior_normals
        shares = [facing_away(read(index).numpy(), self.cameras[index]) for index in looked_at]
        if not any(shares):
            return (
                f"None of the {len(shares)} normal maps that were looked at, first {quote(names[looked_at[0]])}, holds "
                "a direction: nothing is learned from them."
            )
        found = odd_axes(shares)
        if found is None:
            return None
        odd, remedy = found
        name = names[looked_at[odd[0]]]
        return (
            f"In {some(len(odd), len(shares), 'normal map')}, {which(len(odd))} {quote(name)}, many normals point away "
            f"from the camera in OpenCV's axes (x right, y down, z forward). {remedy}."
        )

    def _normal_names(self) -> dict[int, str]:
        if self._priors is not None:
            return {index: str(name) for index, name in enumerate(self._priors.normal_filenames)}
        if not self._has_normals:
            return {}
        assert self._frames is not None
        listed = ((index, frame.get(NORMAL_KEY)) for index, frame in enumerate(self._frames.frames))
        return {index: name for index, name in listed if name is not None}

    def _empty_depth(self) -> str | None:
        """A warning where the priors' depth maps hold nothing.

        Raises:
            InputError: If one of the maps that are looked at cannot be used.
        """
        if self._priors is None:
            return None
        count = len(self._priors.depth_filenames)
        looked_at = spread_evenly(min(_MOST_MAPS, count), count)
        if any((self._prior_depth(index) > 0).any() for index in looked_at):
            return None
        return (
            f"None of the {len(looked_at)} monocular depth maps that were looked at, first "
            f"{quote(self._priors.depth_filenames[looked_at[0]])}, holds a finite number above 0: nothing is learned "
            "from them."
        )

    def _normals(self, index: int) -> Tensor:
        assert self._frames is not None
        camera = self.cameras[index]
        name = self._frames.frames[index].get(NORMAL_KEY)
        if name is None:
            return torch.zeros(int(camera.height), int(camera.width), 3)
        return torch.from_numpy(scene_normals(self._frames.source.parent / name, camera, self.image_filenames[index]))

    def _prior_depth(self, index: int) -> Tensor:
        assert self._priors is not None
        path, camera = Path(self._priors.depth_filenames[index]), self.cameras[index]
        stored = read_array(path)
        if stored.ndim == 3 and 1 in (stored.shape[0], stored.shape[2]):
            stored = stored.reshape(stored.shape[1:] if stored.shape[0] == 1 else stored.shape[:2])
        if stored.ndim != 2 or stored.dtype.kind not in "uif":
            raise InputError(
                f"{quote(path)} holds an array of shape {stored.shape} and type {stored.dtype}, which is no depth: "
                "give one number per pixel."
            )
        size = int(camera.height), int(camera.width)
        depth = fit_size(stored.astype(np.float32), size, quote(path), quote(self.image_filenames[index]))
        return torch.from_numpy(np.nan_to_num(depth, nan=0.0, posinf=0.0, neginf=0.0))

    def _prior_normals(self, index: int) -> Tensor:
        """By the matrices that sdfstudio's parser hands over beside the cameras."""
        assert self._priors is not None
        rotation = self._priors.camera_to_worlds[index][:3, :3].double().numpy()
        if self._priors.transform is not None:
            rotation = self._priors.transform[:3, :3].double().numpy() @ rotation
        path = Path(self._priors.normal_filenames[index])
        return torch.from_numpy(scene_normals(path, self.cameras[index], self.image_filenames[index], rotation))
