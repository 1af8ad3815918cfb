"""MonoSDF's loss of monocular normals (Yu et al., NeurIPS 2022, eq. 14), over the rays whose normal is known.

loss = mean over rays of  |n - N|_1 + |1 - n.N|
"""

import torch
from nerfstudio.model_components.losses import monosdf_normal_loss
from torch import Tensor


def known_normals_loss(predicted: Tensor, normals: Tensor) -> Tensor:
    """The loss of the module's formula, by nerfstudio's arithmetic.

    Args:
        predicted: Rendered normals, ``[B, 3]``, of any length.
        normals: Given ones, ``[B, 3]``, of any length; 0 where it is not known.

    Returns:
        A scalar; 0, with a gradient of 0, where no normal is known.

    Example:
        >>> up = torch.tensor([[0.0, 0.0, 1.0]])
        >>> known_normals_loss(torch.cat([-up, up]), torch.cat([0 * up, up]))
        tensor(0.)
    """
    known = (normals != 0).any(dim=-1, keepdim=True)
    # In place of an unknown one, one that agrees, because picking rays would wait for the device.
    filler = torch.ones_like(normals)
    loss = monosdf_normal_loss(torch.where(known, predicted, filler), torch.where(known, normals, filler))
    return loss * (len(known) / known.sum().clamp(min=1))
