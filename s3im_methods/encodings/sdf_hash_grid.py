"""A hash encoding for signed distance fields: smooth interpolation, and normals that a loss can differentiate.

Same table, hash and scalings as nerfstudio's ``HashEncoding``, which knows smoothstep only with tinycudann. The fused
implementation gives features and their Jacobian with respect to the points in one pass. Both are linear in the table,
so that a loss on normals (the eikonal term, a colour network that sees them) costs one pass over the table backward.
"""

from itertools import product
from typing import Any, Literal

import torch
from nerfstudio.field_components.encodings import HashEncoding
from nerfstudio.utils.external import TCNN_EXISTS
from torch import Tensor
from torch.nn.functional import pad

from s3im_methods.errors import InputError
from s3im_methods.kernels.available import fused_available
from s3im_methods.kernels.threads import in_ranges


class SDFHashEncoding(HashEncoding):
    """Multiresolution hash encoding (Mueller et al., SIGGRAPH 2022) for fields whose normals are trained.

    Gradients with respect to the points are differentiable with respect to the table and to the features' gradient.
    The fused implementation leaves out second derivatives with respect to the points: they count as zero.

    Args:
        num_levels: Number of grids.
        min_res: Resolution of the coarsest grid.
        max_res: Resolution of the finest grid.
        log2_hashmap_size: A grid's table has 2 to this power slots.
        features_per_level: Features per slot.
        hash_init_scale: The table begins uniform in [-scale, scale].
        interpolation: Between nodes: "linear", or "smoothstep", ``3 t^2 - 2 t^3`` per axis, whose features have a
            continuous gradient that is 0 along an axis where a point lies on a node of it.
        implementation: "fused" (Numba on CPU tensors, torch on others), "torch", or "tcnn" (tinycudann where it is
            installed, else as "fused"). Fused and torch share checkpoints.

    Attributes:
        active_levels: Features of levels from this one on are 0 and cost nothing; None uses all levels.

    Raises:
        InputError: If the interpolation or the implementation has another name.
    """

    scalings: Tensor
    _primes: Tensor

    def __init__(
        self,
        num_levels: int = 16,
        min_res: int = 16,
        max_res: int = 2048,
        log2_hashmap_size: int = 19,
        features_per_level: int = 2,
        hash_init_scale: float = 0.001,
        interpolation: Literal["linear", "smoothstep"] = "smoothstep",
        implementation: Literal["tcnn", "fused", "torch"] = "fused",
    ) -> None:
        if interpolation not in ("linear", "smoothstep"):
            raise InputError(f"SDFHashEncoding: no interpolation {interpolation!r}; give 'linear' or 'smoothstep'.")
        if implementation not in ("tcnn", "fused", "torch"):
            raise InputError(f"SDFHashEncoding: no implementation {implementation!r}; give 'tcnn', 'fused' or 'torch'.")
        by_tcnn = implementation == "tcnn" and TCNN_EXISTS
        super().__init__(
            num_levels=num_levels,
            min_res=min_res,
            max_res=max_res,
            log2_hashmap_size=log2_hashmap_size,
            features_per_level=features_per_level,
            hash_init_scale=hash_init_scale,
            implementation="tcnn" if by_tcnn else "torch",
            interpolation={"linear": "Linear", "smoothstep": "Smoothstep"}[interpolation] if by_tcnn else None,  # type: ignore[arg-type]
        )
        if self.tcnn_encoding is None:
            # nerfstudio keeps it as a plain tensor, which every call on a GPU would copy there.
            scalings = self.scalings
            del self.scalings
            self.register_buffer("scalings", scalings, persistent=False)
        self.register_buffer("_primes", torch.tensor([1, 2654435761, 805459861]), persistent=False)
        self.active_levels: int | None = None
        self.smooth = interpolation == "smoothstep"
        self._fused = implementation != "torch"

    @property
    def n_output_dims(self) -> int:
        """Number of outputs, under the name by which nerfstudio's ``SDFField`` asks for it."""
        return self.get_out_dim()

    def forward(self, in_tensor: Tensor) -> Tensor:
        """Features of points.

        Args:
            in_tensor: Points in [0, 1], ``[*batch, 3]``.

        Returns:
            Features, ``[*batch, num_levels * features_per_level]``.
        """
        active = self.num_levels if self.active_levels is None else min(self.active_levels, self.num_levels)
        points, columns = in_tensor.reshape(-1, 3), active * self.features_per_level
        if self.tcnn_encoding is not None:
            features = self.tcnn_encoding(points)[:, :columns]
        elif self._fused and points.device.type == self.hash_table.device.type == "cpu" and fused_available():
            features = self._fused_features(points.to(self.hash_table.dtype), active)
        else:
            features = self._torch_features(points, active)
        if active < self.num_levels:
            features = pad(features, (0, self.get_out_dim() - columns))
        return features.view(*in_tensor.shape[:-1], self.get_out_dim())

    def _fused_features(self, points: Tensor, active: int) -> Tensor:
        follows = points.requires_grad and torch.is_grad_enabled()
        scalings = self.scalings[:active].to(points)
        grid = points.detach().contiguous(), scalings, self.hash_table_size - 1, self.smooth
        features, jacobian = _Encode.apply(self.hash_table, *grid, follows)  # type: ignore[misc]
        return _FollowPoints.apply(features, jacobian, points) if follows else features  # type: ignore[return-value]

    def _torch_features(self, points: Tensor, active: int) -> Tensor:
        scaled = points[:, None, :] * self.scalings[:active, None]
        lower, upper = scaled.detach().floor(), scaled.detach().ceil()
        weight = scaled - lower
        if self.smooth:
            weight = weight * weight * (3 - 2 * weight)
        hashes = lower.long() * self._primes, upper.long() * self._primes
        weights = 1 - weight, weight
        base = torch.arange(active, device=points.device) * self.hash_table_size
        slots, shares = [], []
        for x, y, z in product((0, 1), repeat=3):
            mixed = (hashes[x][..., 0] ^ hashes[y][..., 1] ^ hashes[z][..., 2]) & (self.hash_table_size - 1)
            slots.append(mixed + base)
            shares.append(weights[x][..., 0] * weights[y][..., 1] * weights[z][..., 2])
        # One look-up for all corners: the backward pass of each fills a gradient as large as the table.
        corners = self.hash_table.index_select(0, torch.stack(slots).flatten())
        corners = corners.view(8, *slots[0].shape, self.features_per_level)
        features = self.hash_table.new_zeros(())
        for corner, share in zip(corners, shares, strict=True):
            features = features + corner * share[..., None]
        return features.flatten(1)


class _Encode(torch.autograd.Function):
    """Features ``[n, K]`` and, if wanted, their Jacobian ``[3, n, K]``; differentiable by the table alone."""

    @staticmethod
    def forward(
        ctx: Any, table: Tensor, points: Tensor, scalings: Tensor, mask: int, smooth: bool, with_jacobian: bool
    ) -> tuple[Tensor, Tensor | None]:
        from s3im_methods.encodings import hash_grid_kernels, sdf_hash_grid_kernels

        ctx.set_materialize_grads(False)
        ctx.save_for_backward(points, scalings)
        ctx.grid = mask, smooth
        ctx.table_shape = table.shape
        features = points.new_empty(len(points), len(scalings) * table.shape[1])
        jacobian = points.new_empty(3, *features.shape) if with_jacobian else None
        arrays = [points.numpy(), table.detach().contiguous().numpy(), scalings.numpy(), mask, features.numpy()]
        kernels = hash_grid_kernels
        if jacobian is not None:
            kernels = sdf_hash_grid_kernels
            arrays.append(jacobian.numpy())
        encode = kernels.encoder(table.shape[1], smooth)
        in_ranges(len(points), lambda first, last: encode(*arrays, first, last))
        return features, jacobian

    @staticmethod
    def backward(ctx: Any, gradient: Tensor | None, jacobian_gradient: Tensor | None) -> tuple[Any, ...]:
        points, scalings = ctx.saved_tensors
        if gradient is None:
            gradient = points.new_zeros(len(points), len(scalings) * ctx.table_shape[1])
        grid = points, scalings, *ctx.grid
        return _TableGradient.apply(gradient, jacobian_gradient, *grid, ctx.table_shape), *[None] * 5


class _TableGradient(torch.autograd.Function):
    """The transpose of :class:`_Encode`, whose backward pass is therefore :class:`_Encode`."""

    @staticmethod
    def forward(
        ctx: Any,
        gradient: Tensor,
        jacobian_gradient: Tensor | None,
        points: Tensor,
        scalings: Tensor,
        mask: int,
        smooth: bool,
        shape: torch.Size,
    ) -> Tensor:
        from s3im_methods.encodings import hash_grid_kernels, sdf_hash_grid_kernels

        ctx.save_for_backward(points, scalings)
        ctx.grid = mask, smooth
        ctx.with_jacobian = jacobian_gradient is not None
        table_gradient = points.new_zeros(shape)
        kernels = hash_grid_kernels
        # Numba would compile the kernels anew for every other memory layout.
        arrays = [points.numpy(), gradient.detach().contiguous().numpy()]
        if jacobian_gradient is not None:
            kernels = sdf_hash_grid_kernels
            arrays.append(jacobian_gradient.detach().contiguous().numpy())
        arrays += [scalings.numpy(), mask, table_gradient.numpy()]
        by_table = kernels.table_differentiator(shape[1], smooth)
        in_ranges(len(scalings), lambda first, last: by_table(*arrays, first, last))
        return table_gradient

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
        return *_Encode.apply(gradient, *ctx.saved_tensors, *ctx.grid, ctx.with_jacobian), *[None] * 5  # type: ignore[misc]


class _FollowPoints(torch.autograd.Function):
    """Features as they are, with a gradient with respect to the points that their Jacobian gives."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, jacobian: Tensor, points: Tensor) -> Tensor:
        ctx.save_for_backward(jacobian)
        return features.view_as(features)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, Tensor]:
        (jacobian,) = ctx.saved_tensors
        # Not a matrix product, which autocast would round.
        return gradient, None, (jacobian * gradient).sum(-1).T
