"""Evaluate a signed distance field where it matters: near its surface.

A bin all of whose signed distances exceed a few 1/s, s being the sharpness of the opacity rule, is clear (or solid)
whatever its gradient and its colour are: NeuS's opacity is a difference of two sigmoids of s times the distance. A
first look at all samples, without a graph, finds the bins near the surface, unless the sampler knows already
(:mod:`s3im_methods.rays.known_distances`). Only these are evaluated in full, and only those of some weight get a
colour. On a trained object that is a fifth, and a tenth, of all samples.

Naming: ``near`` are the indices of samples near the surface among all ``N = R * S`` samples; what has one row per such
sample has ``near`` in its name.
"""

import math
from typing import Any

import torch
from nerfstudio.cameras.rays import Frustums, RaySamples
from nerfstudio.field_components.field_heads import FieldHeadNames
from torch import Tensor
from torch.nn import functional

from s3im_methods.rays.known_distances import KnownDistances

ELSEWHERE = "elsewhere"
"""Under this name a field's outputs have the gradients at points that are no samples."""
FAR_SAMPLES_PER_CHECKED = 8
"""Of so many samples far from the surface one is evaluated, for the eikonal loss; of more where a ray has many."""
_CHECKED_OF_RAY = 3
"""So many are enough on a ray."""


def bins_near_surface(sdf: Tensor, lengths: Tensor, sharpness: Tensor, band: float) -> Tensor:
    """Which bins come near to the surface, if distances grow no faster than along a line.

    Args:
        sdf: Signed distances at the bins' middles, ``[N]``, in any unit.
        lengths: The bins' lengths, ``[N]``, in the same unit.
        sharpness: The opacity's, ``[1]``, per this unit.
        band: How near, in units of 1/s.

    Returns:
        Boolean, ``[N]``.

    Example:
        >>> bins_near_surface(torch.tensor([0.3, 0.3, -0.3]), torch.tensor([0.0, 0.5, 0.0]), torch.tensor([20.0]), 5)
        tensor([False,  True, False])
    """
    return (sdf.abs() - lengths / 2) * sharpness < band


def outputs_in_band(
    field: Any, samples: RaySamples, elsewhere: Tensor | None = None
) -> dict[FieldHeadNames | str, Tensor]:
    """What ``field.get_outputs`` gives for samples ``[R, S]``, with opacities, evaluated near the surface only.

    The trainer seeds torch's global generator, from which the checked samples are drawn, at every step.

    Args:
        field: A :class:`~s3im_methods.fields.sdf_field.S3IMSDFField`.
        samples: ``[R, S]``.
        elsewhere: Further points, ``[E, 3]``, whose gradients are wanted.

    Returns:
        Colours and normals are 0 where they have no weight, but for last samples that are shown. Gradients are
        ``[M, 3]``: those whose mean eikonal error estimates, without a bias, that of all samples.
    """
    points = field.sample_positions(samples)
    shape, total, threshold = samples.frustums.shape, len(points), field.config.color_weight_threshold
    first_look, is_near, is_clear = _first_look(field, samples, points)

    def opacities(sdf: Tensor, gradients: Tensor) -> Tensor:
        alphas = field.get_alpha(samples, sdf, gradients)
        return alphas if is_clear is None else alphas.masked_fill(is_clear.view(*shape, 1), 0)

    # Whatever passes the surface is caught by the solid behind it, at any depth.
    with torch.no_grad():
        clear_or_solid = opacities(first_look.view(*shape, 1), points.new_zeros(*shape, 3))
    is_near |= _weights(samples, clear_or_solid)[0] > threshold
    if field.shows_last_sample:
        is_near.view(shape)[:, -1] = True
    if field.opacity.pointwise:
        is_near = _unhidden_in_band(samples, clear_or_solid, first_look, field)
    elif threshold > 0:
        is_near &= ~_behind_solid(samples, first_look, is_near, field)
    is_near[0] = True  # Encodings do not take empty batches.
    near = is_near.nonzero()[:, 0]
    checked, per_checked = near[:0], max(FAR_SAMPLES_PER_CHECKED, shape[-1] // _CHECKED_OF_RAY)
    if field.training and field.checks_far:
        drawn = torch.rand(total, device=points.device) < 1 / per_checked
        passed_over = ~is_near if is_clear is None else ~(is_near | is_clear)
        checked = (drawn & passed_over).nonzero()[:, 0]
    wanted = points[torch.cat([near, checked])]
    others = points[:0] if elsewhere is None else elsewhere
    if elsewhere is not None:
        # A second evaluation would fill and add up a second gradient as large as the grid.
        wanted = torch.cat([wanted, elsewhere])
    sdf, features, gradients = field.geometry(wanted)
    (near_sdf, *_), (near_gradients, far_gradients, gradients_elsewhere) = (
        values.split([len(near), len(checked), len(others)]) for values in (sdf, gradients)
    )
    sdf = first_look[:, None].to(near_sdf).index_copy(0, near, near_sdf).view(*shape, 1)
    if any(parameter.requires_grad for parameter in field.opacity.parameters()):
        alphas = opacities(sdf, _spread(near_gradients, near, total).view(*shape, 3))
    else:
        # Nothing is learned by opacities far from the surface, which are those of the first look.
        alphas = field.get_alpha(_picked(samples, near), near_sdf, near_gradients)
        if is_clear is not None:
            alphas = alphas.masked_fill(is_clear[near, None], 0)
        alphas = clear_or_solid.view(-1, 1).to(alphas).index_copy(0, near, alphas).view(*shape, 1)
    weights, left = _weights(samples, alphas.detach())
    is_seen = weights > threshold
    if field.shows_last_sample:
        is_seen.view(shape)[:, -1] |= left > threshold
    is_seen = is_seen[near]
    is_seen[0] = True
    seen = is_seen.nonzero()[:, 0]
    places = near[seen]
    rgb = field.colors(samples, points[places], features[seen], near_gradients[seen], places)
    return {
        FieldHeadNames.RGB: _spread(rgb, places, total).view(*shape, 3),
        FieldHeadNames.SDF: sdf,
        FieldHeadNames.NORMALS: _spread(functional.normalize(near_gradients, dim=-1), near, total).view(*shape, 3),
        FieldHeadNames.GRADIENT: torch.cat([near_gradients, far_gradients.repeat(per_checked, 1)]),
        FieldHeadNames.ALPHA: alphas,
        ELSEWHERE: gradients_elsewhere,
    }


def _unhidden_in_band(samples: RaySamples, alphas: Tensor, sdf: Tensor, field: Any) -> Tensor:
    """Which samples are evaluated in full, ``[N]``, where the first look's opacities are those of a full one.

    Args:
        samples: ``[R, S]``.
        alphas: Their opacities, ``[R, S, 1]``.
        sdf: Their signed distances, ``[N]``.
        field: Whose band and threshold count.
    """
    weights, left = samples.get_weights_and_transmittance_from_alphas(alphas)
    threshold = field.config.color_weight_threshold
    scaled = sdf.abs() * field.opacity.sharpness().detach()
    counts = (scaled < field.config.band) | (weights.reshape(-1) > threshold)
    if field.shows_last_sample:
        counts.view(weights.shape[:2])[:, -1] = True
    # A threshold of 0 leaves out what is hidden to the last bit.
    return counts & (left[:, :-1].reshape(-1) > threshold)


def _behind_solid(samples: RaySamples, sdf: Tensor, is_near: Tensor, field: Any) -> Tensor:
    """Which samples get less light than the threshold, because solid bins before them stop it, ``[N]``.

    Args:
        samples: ``[R, S]``.
        sdf: Their signed distances, ``[N]``.
        is_near: Which of their bins come near to the surface, ``[N]``; all others of a distance below 0 are solid.
        field: Whose threshold counts.
    """
    assert samples.deltas is not None
    # A solid of length l lets exp(-s l) through, by NeuS's rule and by VolSDF's.
    depth = samples.deltas.reshape(-1) * field.opacity.sharpness().detach()
    depth = torch.where(is_near | (sdf >= 0), 0, depth).view(samples.frustums.shape)
    before = depth.cumsum(dim=-1) - depth
    return before.view(-1) > -math.log(field.config.color_weight_threshold)


def _first_look(field: Any, samples: RaySamples, points: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
    """Signed distances at all ``N`` samples, which of their bins come near to the surface, and which hold nothing."""
    sharpness, band = field.opacity.sharpness().detach(), field.config.band
    known = KnownDistances.of(samples)
    if known is not None:
        least = known.least.reshape(-1)
        return known.middle.reshape(-1), least * sharpness < band, least.isinf()
    first_look = field.sdf(points)
    assert samples.deltas is not None
    return first_look, bins_near_surface(first_look, samples.deltas.reshape(-1), sharpness, band), None


def _picked(samples: RaySamples, places: Tensor) -> RaySamples:
    """Bins ``[M]`` of samples ``[R, S]``, with what opacities ask for."""
    frustums, columns = samples.frustums, samples.frustums.shape[-1]
    row, column = places.div(columns, rounding_mode="floor"), places % columns
    bins = (frustums.origins, frustums.directions, frustums.starts, frustums.ends, frustums.pixel_area)
    assert samples.deltas is not None
    return RaySamples(Frustums(*(of[row, column] for of in bins)), deltas=samples.deltas[row, column])


def _weights(samples: RaySamples, alphas: Tensor) -> tuple[Tensor, Tensor]:
    """What each sample weighs, ``[N]``, and what of a ray's light is left behind its last one, ``[R]``."""
    weights, left = samples.get_weights_and_transmittance_from_alphas(alphas)
    return weights.reshape(-1), left[:, -1, 0]


def _spread(values: Tensor, places: Tensor, total: int) -> Tensor:
    return values.new_zeros(total, values.shape[-1]).index_copy(0, places, values)
