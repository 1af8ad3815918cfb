"""A plugin as strangers write them: all its own, with odd names.

It has its own trainer, pipeline, data manager and model. Its losses and outputs have names of their own, one of its
losses is a plain number, its targets are no arguments of its configurations, and it imported LPIPS by name.
"""

from dataclasses import dataclass, field
from typing import Any

import torch
from nerfstudio.configs.base_config import MachineConfig
from nerfstudio.data.datamanagers.base_datamanager import VanillaDataManager, VanillaDataManagerConfig
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig
from nerfstudio.engine.optimizers import AdamOptimizerConfig
from nerfstudio.engine.trainer import Trainer, TrainerConfig
from nerfstudio.models.base_model import Model, ModelConfig
from nerfstudio.pipelines.base_pipeline import VanillaPipeline, VanillaPipelineConfig
from nerfstudio.plugins.types import MethodSpecification
from torch import nn
from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity as Perceptual


@dataclass
class ToyModelConfig(ModelConfig):
    """Its settings."""

    _target: type = field(default_factory=lambda: ToyModel, init=False)
    """The class to instantiate."""
    width: int = 16
    """Neurons of its layer."""
    networks_by: str = "torch"
    """torch, or tcnn for tinycudann, whose name this module does not even have where it is not installed."""


class ToyModel(Model):
    """Colours by a network of the ray alone."""

    config: ToyModelConfig

    def __init__(self, config: ToyModelConfig, toy_argument: str = "", **kwargs: Any) -> None:
        self.toy_argument = toy_argument
        super().__init__(config, **kwargs)

    def populate_modules(self) -> None:
        super().populate_modules()
        if self.config.networks_by == "tcnn":
            widths = {"n_neurons": self.config.width, "n_hidden_layers": 1, "output_activation": "Sigmoid"}
            self.net = tcnn.Network(6, 3, widths)  # type: ignore[name-defined] # noqa: F821
        else:
            layers = nn.Linear(6, self.config.width), nn.ReLU(), nn.Linear(self.config.width, 3), nn.Sigmoid()
            self.net = nn.Sequential(*layers)
        self.photometric, self.smoothness = nn.MSELoss(), nn.MSELoss()
        self.perceptual = Perceptual(normalize=True)

    def get_param_groups(self) -> dict[str, list[nn.Parameter]]:
        return {"toy": list(self.net.parameters())}

    def get_outputs(self, ray_bundle: Any) -> dict[str, torch.Tensor]:
        jitter = 1e-3 * torch.rand_like(ray_bundle.origins) if self.training else 0.0
        seen = self.net(torch.cat([ray_bundle.origins + jitter, ray_bundle.directions], dim=-1))
        return {"colour": seen, "normal": ray_bundle.directions}

    def get_loss_dict(self, outputs: Any, batch: Any, metrics_dict: Any = None) -> dict[str, Any]:
        image = batch["image"][..., :3].to(self.device)
        first: Any = next(self.net.children())
        return {
            "photo": 2 * self.photometric(outputs["colour"], image),
            "smooth": 0.01 * self.smoothness(first.weight[:, :3], torch.zeros(self.config.width, 3)),
            "count": 3,
        }

    def get_image_metrics_and_images(self, outputs: Any, batch: Any) -> Any:
        image = batch["image"][..., :3].to(self.device)
        pair = [value.permute(2, 0, 1)[None] for value in (outputs["colour"], image)]
        error = (pair[0] - pair[1]).square().mean()
        return {"psnr": float(-10 * error.log10()), "lpips": float(self.perceptual(*pair))}, {"img": outputs["colour"]}

    def get_outputs_for_camera_ray_bundle(self, camera_ray_bundle: Any) -> dict[str, torch.Tensor]:
        return {**super().get_outputs_for_camera_ray_bundle(camera_ray_bundle), "by_the_toy": torch.ones(1)}


class ToyDataManager(VanillaDataManager):
    """Its own."""


@dataclass
class ToyDataManagerConfig(VanillaDataManagerConfig):
    """Its settings."""

    _target: type = field(default_factory=lambda: ToyDataManager)
    """The class to instantiate."""


class ToyPipeline(VanillaPipeline):
    """As nerfstudio's template for methods has it: it builds everything itself."""

    def __init__(
        self,
        config: Any,
        device: str,
        test_mode: Any = "val",
        world_size: int = 1,
        local_rank: int = 0,
        grad_scaler: Any = None,
    ) -> None:
        super(VanillaPipeline, self).__init__()
        self.config, self.test_mode = config, test_mode
        self.datamanager = config.datamanager.setup(
            device=device, test_mode=test_mode, world_size=world_size, local_rank=local_rank
        )
        dataset: Any = self.datamanager.train_dataset
        self._model = config.model.setup(
            scene_box=dataset.scene_box,
            num_train_data=len(dataset),
            metadata=dataset.metadata,
            device=device,
            toy_argument="from the pipeline",
        )
        self.model.to(device)
        self.world_size = world_size


@dataclass
class ToyPipelineConfig(VanillaPipelineConfig):
    """Its settings."""

    _target: type = field(default_factory=lambda: ToyPipeline, init=False)
    """The class to instantiate."""


class ToyTrainer(Trainer):
    """Its own."""

    steps_of_the_toy = 0

    def train_iteration(self, step: int) -> Any:
        self.steps_of_the_toy += 1
        return super().train_iteration(step)


@dataclass
class ToyTrainerConfig(TrainerConfig):
    """Its settings."""

    _target: type = field(default_factory=lambda: ToyTrainer, init=False)
    """The class to instantiate."""


toy = MethodSpecification(
    config=ToyTrainerConfig(
        method_name="toy",
        machine=MachineConfig(device_type="cuda"),
        pipeline=ToyPipelineConfig(
            datamanager=ToyDataManagerConfig(
                dataparser=NerfstudioDataParserConfig(), train_num_rays_per_batch=64, eval_num_rays_per_batch=64
            ),
            model=ToyModelConfig(),
        ),
        optimizers={"toy": {"optimizer": AdamOptimizerConfig(lr=1e-2), "scheduler": None}},
        vis="wandb",
    ),
    description="A toy.",
)
