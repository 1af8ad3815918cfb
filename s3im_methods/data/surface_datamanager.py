"""nerfstudio's data manager for surface methods: masks as foreground, depth and normals where the scene has them."""

from dataclasses import dataclass, field, replace

from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs

from s3im_methods.console import warn
from s3im_methods.data.depth.source_config import DepthSourceConfig
from s3im_methods.data.depth_datamanager import DepthDataManager, DepthDataManagerConfig
from s3im_methods.data.surface_dataset import SurfaceDataset


@dataclass
class SurfaceDataManagerConfig(DepthDataManagerConfig):
    """Configuration of the data manager of surface methods."""

    _target: type = field(default_factory=lambda: SurfaceDataManager)
    """The class to instantiate."""
    depth: DepthSourceConfig = field(default_factory=lambda: DepthSourceConfig(source="auto-or-none"))
    """Where depth comes from; a scene without any trains without."""
    use_masks: bool = True
    """Whether masks and alpha mean foreground: pixels outside it are background and are learned as such. If not, masks
    leave pixels out of training as in nerfstudio, which suits masks that only hide what moved."""


class SurfaceDataManager(DepthDataManager):
    """Loads images with their foreground, normals and depth, and finds the sphere of the scene.

    The datasets' metadata tell the model of them, see :class:`~s3im_methods.data.surface_dataset.SurfaceDataset`; the
    spheres are those of the training cameras, also for evaluation and rendering.
    """

    config: SurfaceDataManagerConfig
    train_dataset: SurfaceDataset
    eval_dataset: SurfaceDataset

    def make_dataset(self, outputs: DataparserOutputs, depth: DepthSourceConfig) -> SurfaceDataset:
        """The dataset of a split.

        Args:
            outputs: The split, as parsed; those of the training split are known already.
            depth: Where its depth comes from.

        Raises:
            InputError: If a normal map is missing, except for rendering.
        """
        config, cameras = self.config, self.train_dataparser_outputs.cameras
        dataset = SurfaceDataset(outputs, config.camera_res_scale_factor, depth, config.use_masks, cameras)
        if self.test_mode != "inference":
            dataset.check_normals()
        return dataset

    def create_train_dataset(self) -> SurfaceDataset:
        """The training views; masks that say what is foreground leave no pixel out, and so are not passed on."""
        dataset = super().create_train_dataset()
        assert isinstance(dataset, SurfaceDataset)
        if self.config.use_masks and self.train_dataparser_outputs.mask_filenames:
            self.train_dataparser_outputs = replace(self.train_dataparser_outputs, mask_filenames=None)
        if self.test_mode == "val" and self.local_rank == 0:
            for doubt in dataset.doubts():
                warn(doubt)
        return dataset

    def create_eval_dataset(self) -> SurfaceDataset:
        """The evaluation views."""
        dataset = super().create_eval_dataset()
        assert isinstance(dataset, SurfaceDataset)
        return dataset
