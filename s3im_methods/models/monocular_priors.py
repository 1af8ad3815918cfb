"""Whether a scene has the monocular priors that a surface model is told to learn from."""

from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.errors import InputError

_PRIORS = "sdfstudio-data --include-mono-prior True"


def check_priors(normal_loss_mult: float, depth_loss_mult: float, facts: SceneFacts) -> None:
    """Refuse a weight for what the scene does not have, as depth losses are refused without depth.

    Args:
        normal_loss_mult: Weight of the loss on monocular normals.
        depth_loss_mult: Weight of the loss on monocular depth.
        facts: Of the scene.

    Raises:
        InputError: If a weight is above 0 and there is nothing to learn from.
    """
    if normal_loss_mult > 0 and facts.has_normals is False:
        raise InputError(
            "This scene has no normals to train on: give the frames of its transforms.json a normal_file_path, end the "
            f"command with {_PRIORS} where the scene is sdfstudio's, or set --pipeline.model.mono-normal-loss-mult 0."
        )
    if depth_loss_mult > 0 and facts.has_monocular_depth is False:
        raise InputError(
            f"This scene has no monocular depth to train on: end the command with {_PRIORS} where the scene is "
            "sdfstudio's, or set --pipeline.model.mono-depth-loss-mult 0; depth maps of transforms.json are learned by "
            "--pipeline.model.depth.kind."
        )
