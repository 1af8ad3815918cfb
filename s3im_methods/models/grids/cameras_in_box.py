"""Cameras that stand inside the box of an object at which they should look from outside."""

from torch import Tensor

from s3im_methods.data.wording import are, some


def cameras_in_box(box: Tensor, origins: Tensor) -> list[str]:
    """What to tell of an object's box that holds cameras: an unfit box, or a room that is taken for an object.

    Args:
        box: Its lower and upper corner, ``[2, 3]``, scene units.
        origins: Of the training cameras, ``[N, 3]``, scene units.

    Returns:
        A sentence, or nothing where all cameras are outside.

    Example:
        >>> import torch
        >>> box, origins = torch.tensor([[-1.0] * 3, [1.0] * 3]), torch.tensor([[0.0, 0.0, 2.0], [0.0, 0.0, 0.5]])
        >>> cameras_in_box(box, origins)[0][:52]
        '1 of 2 training cameras is inside the box in which t'
    """
    low, high = box.detach().cpu()
    places = origins.detach().cpu()
    inside = int(((places > low) & (places < high)).all(dim=-1).sum())
    if not inside:
        return []
    return [
        f"{some(inside, len(places), 'training camera')} {are(inside)} inside the box in which the object is "
        "looked for: lower --pipeline.model.box-scale, or set --pipeline.model.scene-kind room."
    ]
