"""Ref-NeRF's regularisers of predicted normals (Verbin et al., CVPR 2022, eq. 10 and 11)."""

from torch import Tensor


def orientation_loss(weights: Tensor, normals: Tensor, directions: Tensor) -> Tensor:
    """How far visible samples' normals face away from the camera: the mean over rays of ``sum w max(0, n . d)^2``.

    Args:
        weights: ``[R, S, 1]``.
        normals: Of length 1, ``[R, S, 3]``.
        directions: From the camera, ``[R, S, 3]``.

    Example:
        >>> import torch
        >>> facing, away = torch.tensor([[[0.0, 0.0, -1.0]]]), torch.tensor([[[0.0, 0.0, 1.0]]])
        >>> ahead, weights = torch.tensor([[[0.0, 0.0, 1.0]]]), torch.full((1, 1, 1), 0.5)
        >>> orientation_loss(weights, facing, ahead).item(), orientation_loss(weights, away, ahead).item()
        (0.0, 0.5)
    """
    away = (normals * directions).sum(dim=-1, keepdim=True).clamp(min=0)
    return (weights * away.square()).sum(dim=(1, 2)).mean()


def predicted_normal_loss(weights: Tensor, normals: Tensor, predicted: Tensor) -> Tensor:
    """How far predicted normals are from those of the density: the mean over rays of ``sum w (1 - n . n')``.

    Samples whose normal is 0, because nobody knows it, count as nothing.

    Args:
        weights: ``[R, S, 1]``.
        normals: Of the density, of length 1 or 0, ``[R, S, 3]``.
        predicted: Of length 1, ``[R, S, 3]``.
    """
    return (weights * (normals * (normals - predicted)).sum(dim=-1, keepdim=True)).sum(dim=(1, 2)).mean()
