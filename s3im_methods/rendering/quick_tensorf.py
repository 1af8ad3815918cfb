"""Views of TensoRF on a CPU, by compiled kernels, for vector-matrix grids whose samples are drawn twice.

Each ray's numbers are those of ``S3IMTensoRFModel.get_outputs`` but for rounding, as long as its first samples are its
own.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from nerfstudio.cameras.rays import RayBundle
from torch import Tensor, nn

from s3im_methods.encodings.fused_vm import components_last
from s3im_methods.encodings.octaves import OctaveEncoding
from s3im_methods.encodings.tensor_grids import AxisVM
from s3im_methods.fields.ray_share import share_of
from s3im_methods.fields.tensorf_field import S3IMTensoRFField
from s3im_methods.kernels.threads import in_ranges
from s3im_methods.rendering import LANES
from s3im_methods.rendering.networks import array, layers
from s3im_methods.rendering.quick_views import QuickViews, draws_plainly, runs_here


class Grids(NamedTuple):
    """Planes and lines of a vector-matrix grid, and the space that they span.

    Args:
        planes: Three, each ``[rows, columns, components]``.
        lines: Three, each ``[nodes, components]``.
        axes: Along the columns, the rows and the line of each, ``[3, 3]``.
        shift: What is added to the sum of a density's features.
        rectified: Whether a ReLU makes a density of that sum, else a softplus.
        scale: What that density is multiplied by.
        per_unit: What points are multiplied by first.
        contracted: Whether space is contracted then.
        low: Corner of the box, ``[3]``.
        per_size: One over its sides, ``[3]``.
    """

    planes: Any
    lines: Any
    axes: Any
    shift: Any
    rectified: bool
    scale: Any
    per_unit: Any
    contracted: bool
    low: Any
    per_size: Any


def quick_tensorf(model: Any) -> "QuickTensoRF | None":
    """What renders a TensoRF model's rays quickly, with its present parameters.

    Args:
        model: An S3IM-TensoRF model.

    Returns:
        None in training, with gradients, on GPUs, in lower precision, and for settings that the kernels do not cover:
        other grids than VM with a resolution per axis, equal steps, a mask of occupied space, or another encoding.
    """
    config, field = model.config, model.field
    grids = field.density_encoding, field.color_encoding
    suits = (
        runs_here(model)
        and type(field) is S3IMTensoRFField
        and config.sampling == "uniform-pdf"
        and not model._renders_like_nerfstudio()
        and not field.alpha_mask.exists
        and all(type(grid) is AxisVM for grid in grids)
        and isinstance(field.feature_encoding, OctaveEncoding)
        and field.feature_encoding.num_octaves == 2
        and draws_plainly(model.sampler_uniform, model.sampler_pdf)
        and isinstance(field.mlp_head.out_activation, nn.ReLU)
    )
    head = layers(field.mlp_head, 1) if suits else None
    return None if head is None else QuickTensoRF(model, head)


class QuickTensoRF(QuickViews):
    """See :func:`quick_tensorf`, which makes it.

    Args:
        model: The model.
        head: Weights and biases of its colour network, whose width is a multiple of 16.
    """

    def __init__(self, model: Any, head: list[tuple[np.ndarray, np.ndarray]]) -> None:
        config, field = model.config, model.field
        counts = [config.num_uniform_samples, config.num_samples]
        super().__init__(model, counts, model.sampler_uniform, model.sampler_pdf)
        self.density, self.colour = (_grids(field, grid) for grid in (field.density_encoding, field.color_encoding))
        appearance, last = field.B.weight.shape[0], field.field_output_rgb.net
        self._head = (
            _wide(array(field.B.weight.t())),
            _wide(_of_samples(head[0][0], appearance)),
            _wide(_tall(head[1][0])),
            _wide(head[1][1]),
            _wide(_tall(array(last.weight.t()))),
            _wide(array(last.bias)),
        )

    def weights(self, level: int, rays: RayBundle, edges: Tensor) -> tuple[Tensor, Tensor]:
        """Those of the field itself, at any level; see the base."""
        from s3im_methods.rendering.tensorf_kernels import grid_weights

        weights, depths = edges.new_empty(len(rays), edges.shape[1] - 1), edges.new_empty(len(rays))
        arrays = [array(given) for given in (rays.origins, rays.directions, edges, weights, depths)]
        in_ranges(len(rays), lambda first, last: grid_weights(self.density, *arrays, first, last))
        return weights, depths[:, None]

    def outputs(self, rays: RayBundle) -> dict[str, Tensor]:
        """The model's outputs outside training but for normals, ``[R, C]`` each.

        Args:
            rays: ``[R]`` with bounds. Metadata may hold what :meth:`shared` puts there.
        """
        from s3im_methods.rendering.tensorf_kernels import grid_colours

        (edges, _), with_last, field = self.samples(rays), self.with_last(), self.model.field
        weights, depth = self.weights(1, rays, edges)
        appearance = field.B.weight.shape[0]
        of_rays = [rays.directions, field.direction_encoding(rays.directions)]
        of_rays = share_of(field.mlp_head, of_rays, [appearance, 5 * appearance + 3], bias=True)
        of_rays = nn.functional.pad(of_rays, (0, -of_rays.shape[1] % LANES))
        colours, last_colours = torch.zeros(2, len(rays), 3).unbind()
        given = [array(values) for values in (of_rays, rays.origins, rays.directions, edges, weights)]
        how = np.float32(self.model.config.color_weight_threshold or 0.0), with_last
        found = [array(values) for values in (colours, last_colours)]
        in_ranges(
            len(rays), lambda first, last: grid_colours(self.colour, self._head, *given, *how, *found, first, last)
        )
        opacity = weights.sum(dim=-1, keepdim=True)
        return {
            "rgb": self.composited(colours, last_colours, opacity),
            "accumulation": opacity,
            "depth": depth,
        }

    def normals(self, points: Tensor, step: Tensor) -> Tensor:
        """Unit vectors ``[n, 3]`` along which the density falls, by differences over ``step``, at points ``[n, 3]``."""
        from s3im_methods.rendering.tensorf_kernels import density_falls

        falls = torch.empty_like(points)
        arrays = array(points), np.float32(float(step)), array(falls)
        in_ranges(len(points), lambda first, last: density_falls(self.density, *arrays, first, last))
        return nn.functional.normalize(falls, dim=-1, eps=1e-30)


def _grids(field: S3IMTensoRFField, grid: AxisVM) -> Grids:
    axes, planes, lines = grid._parts()
    box = field.aabb.detach().float()
    return Grids(
        planes=tuple(components_last(plane[0]).numpy() for plane in planes),
        lines=tuple(np.ascontiguousarray(components_last(line[0]).numpy()[:, 0]) for line in lines),
        axes=np.array(axes),
        shift=np.float32(field.density_shift),
        rectified=field.activation == "relu",
        scale=np.float32(field.distance_scale),
        per_unit=np.float32(1 / (field.contraction_scale or 1.0)),
        contracted=field.contraction_scale is not None,
        low=array(box[0]),
        per_size=array(1 / (box[1] - box[0])),
    )


def _of_samples(weights: np.ndarray, appearance: int) -> np.ndarray:
    """The first layer's weights for appearance, sines, cosines, and those of the double, ``[5, appearance, width]``."""
    own, encoded = weights[:appearance], weights[appearance + 3 : 5 * appearance + 3]
    # The encoding has all sines first, of each number both octaves side by side.
    by_octave = encoded.reshape(2, appearance, 2, -1)
    return np.stack([own, by_octave[0, :, 0], by_octave[1, :, 0], by_octave[0, :, 1], by_octave[1, :, 1]])


def _wide(matrix: np.ndarray) -> np.ndarray:
    """With columns of zeros up to a multiple of what a vector holds."""
    lack = -matrix.shape[-1] % LANES
    return np.ascontiguousarray(np.pad(matrix, [(0, 0)] * (matrix.ndim - 1) + [(0, lack)]))


def _tall(matrix: np.ndarray) -> np.ndarray:
    """With rows of zeros for the columns that the layer before got."""
    return np.pad(matrix, [(0, -matrix.shape[0] % LANES), (0, 0)])
