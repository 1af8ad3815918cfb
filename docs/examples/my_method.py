"""A method of your own with S3IM, at its shortest; nerfacto stands for your model."""

from dataclasses import dataclass, field

from nerfstudio.data.datamanagers.base_datamanager import VanillaDataManagerConfig
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig
from nerfstudio.engine.optimizers import AdamOptimizerConfig
from nerfstudio.engine.trainer import TrainerConfig
from nerfstudio.models.nerfacto import NerfactoModel, NerfactoModelConfig  # your model
from nerfstudio.plugins.types import MethodSpecification

from s3im_methods.engine.pipeline import S3IMPipelineConfig
from s3im_methods.engine.trainer import S3IMTrainer
from s3im_methods.losses import S3IMConfig
from s3im_methods.models.s3im_mixin import S3IMMixin
from s3im_methods.samplers import PatchAwarePixelSamplerConfig


@dataclass
class MyConfig(NerfactoModelConfig):
    _target: type = field(default_factory=lambda: MyModel)
    s3im: S3IMConfig = field(default_factory=S3IMConfig)  # weight 1; S3IMConfig(loss_mult=0.1) is more cautious


class MyModel(S3IMMixin, NerfactoModel):
    config: MyConfig


rates = {"fields": 1e-2, "proposal_networks": 1e-2, "camera_opt": 1e-3}  # the keys of your get_param_groups()
my_method = MethodSpecification(
    config=TrainerConfig(
        _target=S3IMTrainer,
        method_name="my-method",
        max_num_iterations=30_000,
        pipeline=S3IMPipelineConfig(
            datamanager=VanillaDataManagerConfig(
                dataparser=NerfstudioDataParserConfig(), pixel_sampler=PatchAwarePixelSamplerConfig()
            ),
            model=MyConfig(),
        ),
        optimizers={
            group: {"optimizer": AdamOptimizerConfig(lr=rate), "scheduler": None} for group, rate in rates.items()
        },
        vis="viewer",
    ),
    description="My method, trained with S3IM.",
)
