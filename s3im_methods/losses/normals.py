"""Losses of normals: MonoSDF's of monocular normals (Yu et al., NeurIPS 2022, eq. 14), over the rays whose normal is
known, and UNISURF's smoothness (Oechsle et al., ICCV 2021, eq. 11), over the rays that meet the surface.

known:   mean over rays of  |n - N|_1 + |1 - n.N|
smooth:  mean over rays of  |n(x) - n(x + e)|_2
"""

import torch
from nerfstudio.model_components.losses import monosdf_normal_loss
from torch import Tensor
from torch.nn import functional


def known_normals_loss(predicted: Tensor, normals: Tensor) -> Tensor:
    """The loss of the module's formula, by nerfstudio's arithmetic.

    Args:
        predicted: Rendered normals, ``[B, 3]``, of any length.
        normals: Given ones, ``[B, 3]``, of any length; 0 where it is not known.

    Returns:
        A scalar; 0, with a gradient of 0, where no normal is known.

    Example:
        >>> up = torch.tensor([[0.0, 0.0, 1.0]])
        >>> round(known_normals_loss(torch.cat([-up, up]), torch.cat([0 * up, up])).item(), 6)
        0.0
    """
    known = (normals != 0).any(dim=-1, keepdim=True)
    # In place of an unknown one, one that agrees, because picking rays would wait for the device.
    filler = torch.ones_like(normals)
    loss = monosdf_normal_loss(torch.where(known, predicted, filler), torch.where(known, normals, filler))
    return loss * (len(known) / known.sum().clamp(min=1))


def smooth_normals_loss(here: Tensor, nearby: Tensor, counts: Tensor) -> Tensor:
    """How much normals change from places to others nearby.

    Args:
        here: Gradients, or normals of any length, ``[B, 3]``.
        nearby: The same at the other places, ``[B, 3]``.
        counts: Which of them count, boolean, ``[B]``.

    Returns:
        A scalar, from 0 to 2; 0, with a gradient of 0, where none counts.

    Example:
        >>> x, y = torch.tensor([[[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]]])
        >>> smooth_normals_loss(x, 5 * y, torch.tensor([True]))
        tensor(1.4142)
    """
    turn = functional.normalize(here, dim=-1) - functional.normalize(nearby, dim=-1)
    # Not by a product with 0, which leaves what is not finite as it is.
    turn = torch.where(counts[:, None], turn, 0.0)
    return turn.norm(dim=-1).sum() / counts.sum().clamp(min=1)
