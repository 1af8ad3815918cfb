"""DVGO (Sun et al., CVPR 2022) as a model of nerfstudio: dense voxels, coarse to fine, without S3IM.

Differences to the original: densities are per unit of length of one voxel size that stays the same through all stages,
so that what was learned is kept; the network adds to the grid's own colour, so that no colour jumps at the switch.
"""

import math
from typing import Any, NamedTuple

import torch
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.cameras.rays import Frustums, RayBundle, RaySamples
from nerfstudio.data.scene_box import SceneBox
from nerfstudio.engine.callbacks import TrainingCallback, TrainingCallbackAttributes, TrainingCallbackLocation
from nerfstudio.model_components.renderers import RGBRenderer
from nerfstudio.model_components.scene_colliders import AABBBoxCollider, NearFarCollider
from nerfstudio.models.base_model import Model
from nerfstudio.utils import colormaps, comms
from torch import Tensor
from torch.nn import Parameter, functional

from s3im_methods.compat.lpips import CachedLPIPS
from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.data.scene_sphere import MARGIN
from s3im_methods.errors import InputError
from s3im_methods.fields.dvgo_field import DVGOField
from s3im_methods.losses.distortion import distortion
from s3im_methods.losses.opacity import binary_entropy, opacity_loss
from s3im_methods.losses.voxel_variation import touched_nodes, voxel_variation
from s3im_methods.models.density_normals import difference_normals
from s3im_methods.models.grids.growth import resolution_by_axis
from s3im_methods.models.grids.memory import bytes_taken, check_memory
from s3im_methods.models.grids.seen import MOST_NODES, note_weights, spread_rays
from s3im_methods.models.grids.stages import (
    GRIDS,
    after_step,
    check_resumed,
    interval_of,
    set_coarse_rates,
    threshold_factor,
    voxels_at,
)
from s3im_methods.rays.voxel_march import GridSpace, March, equal_edges, march, outward_edges, places


class Samples(NamedTuple):
    """Samples of a batch of rays.

    Attributes:
        colours: Of the samples that have one, ``[n, 3]``.
        weights: Of all samples, ``[R, S]``.
        ray: The row of ``weights`` of each coloured sample, ``[n]``.
        step: Its column, ``[n]``.
        points: Its coordinates in the grids' box, ``[n, 3]``.
    """

    colours: Tensor
    weights: Tensor
    ray: Tensor
    step: Tensor
    points: Tensor


class DVGOModel(Model):
    """See the module's docstring; its settings are :class:`~s3im_methods.models.s3im_dvgo.S3IMDVGOModelConfig`."""

    config: Any
    field: DVGOField
    train_step: int
    _training_cameras: Cameras | None = None
    _loaded_step: int | None = None
    _steps_made: int = 0

    def populate_modules(self) -> None:
        """Build field, renderer and collider."""
        # It takes long to import, and not every program builds a model.
        from torchmetrics.functional import structural_similarity_index_measure
        from torchmetrics.image import PeakSignalNoiseRatio

        super().populate_modules()
        config = self.config
        self.renderer_rgb = RGBRenderer(background_color=config.background_color)
        self.field = self._make_field()
        if config.space == "contraction":
            self.collider = NearFarCollider(near_plane=config.near_plane, far_plane=float("inf"))
        else:
            # The field's own tensor: a box that is tightened, or comes from a checkpoint, moves both.
            self.collider = AABBBoxCollider(SceneBox(self.field.aabb), near_plane=config.near_plane)
        self.psnr = PeakSignalNoiseRatio(data_range=1.0)
        self.ssim = structural_similarity_index_measure
        self.lpips = CachedLPIPS()

    def _make_field(self) -> DVGOField:
        config = self.config
        if config.coarse_steps:
            check_memory(voxels_at(config, 0), 4, "cpu", "coarse-resolution")
        box, space = self._box(), GridSpace()
        if config.space == "contraction":
            space = GridSpace(float(box.abs().max()), config.rim, config.contraction_norm)
            box = torch.tensor([[-1.0] * 3, [1.0] * 3]) * (1 + config.rim)
        return DVGOField(
            box,
            space,
            resolution_by_axis(box, voxels_at(config, 0)),
            coarse=config.coarse_steps > 0,
            features=config.features,
            alpha_inits=(config.coarse_alpha_init, config.alpha_init),
            base_voxels=float(config.resolution**3),
            network_width=config.network_width,
            network_layers=config.network_layers,
            direction_octaves=config.direction_octaves,
            images=self.num_train_data,
            appearance_dim=config.appearance_embed_dim,
            average_appearance=config.use_average_appearance_embedding,
        )

    def _box(self) -> Tensor:
        box = self.scene_box.aabb
        sphere = SceneFacts.of(self.kwargs.get("metadata")).object_sphere
        if sphere is not None and self.config.space == "box" and self.config.scene_kind == "object":
            # What the cameras look at is often a small part of the parser's box.
            center, radius = torch.tensor(sphere.center), sphere.radius / MARGIN
            box = torch.stack([center - radius, center + radius])
        middle = box.mean(dim=0)
        return middle + (box - middle) * self.config.box_scale

    def get_param_groups(self) -> dict[str, list[Parameter]]:
        """``grids`` and ``fields``, the latter the colour network and the images' vectors."""
        table = self.field.embedding_appearance
        return {
            GRIDS: [self.field.density_grid.values, self.field.colour_grid.values],
            "fields": [*self.field.network.parameters(), *(table.parameters() if table else ())],
        }

    def get_outputs(self, ray_bundle: RayBundle) -> dict[str, Any]:
        """Colour and accumulation of rays ``[R]``; in training ``samples``, else ``depth`` and coloured ``normals``."""
        origins, directions = ray_bundle.origins, ray_bundle.directions
        nears, fars = ray_bundle.nears, ray_bundle.fars
        assert nears is not None and fars is not None
        jittered = self.training and self.config.jitter
        jitter = torch.rand_like(nears) if jittered else torch.full_like(nears, 0.5)
        how = self._march()
        rays, bounds = torch.cat([origins, directions], dim=-1), torch.cat([nears, fars, jitter], dim=-1)
        field = self.field
        weights = march(rays, bounds, how, field.density_grid, field.aabb, field.space, field.alpha_mask)
        ray, step = (weights.detach() > self._color_threshold()).nonzero(as_tuple=True)
        distances = nears[ray] + (how.edges[step] + jitter[ray, 0] * how.edges.diff()[step])[:, None]
        points = field.space(origins[ray] + distances * directions[ray])
        images = ray_bundle.camera_indices
        colours = field.colours(points, directions, ray, None if images is None else images[:, 0])
        accumulation = weights.sum(dim=-1, keepdim=True)
        outputs: dict[str, Any] = {
            "rgb": self._composite(colours, weights[ray, step], ray, len(rays)),
            "accumulation": accumulation,
        }
        if self.training:
            # Depth is for those who look, and takes a pass over all samples.
            outputs["samples"] = Samples(colours, weights, ray, step, points)
            if self.config.depth.weight() > 0:
                outputs["weights_list"] = [weights[..., None]]
                outputs["ray_samples_list"] = [_steps_of(ray_bundle, how.edges)]
        else:
            distances = places(nears, jitter, how.edges)
            outputs["depth"] = _median_depth(weights, distances, fars)
            outputs["expected_depth"] = (weights * distances).sum(-1, keepdim=True) / accumulation.clamp(min=1e-10)
            points = origins + directions * outputs["depth"]
            step_length = field.voxel() * (field.space.scale or 1.0)
            outputs["normals"] = (difference_normals(field.density_at, points, step_length) + 1) / 2
        return outputs

    def _color_threshold(self) -> float:
        """The weight in its pixel that a sample must exceed to get a colour."""
        config = self.config
        if not self.field.is_fine:
            return config.coarse_color_weight_threshold
        return config.color_weight_threshold * threshold_factor(config, self._steps_made)

    def _march(self) -> March:
        config, field = self.config, self.field
        ratio = config.step_ratio if field.is_fine else config.coarse_step_ratio
        if field.space.scale is None:
            edges = equal_edges(math.hypot(*field.sides), ratio * field.voxel(), field.aabb.device)
        else:
            # As many as a grid over all of space would have nodes.
            nodes = round(2 * (1 + field.space.rim) / field.voxel()) + 1
            edges = outward_edges(field.space, nodes, ratio, field.aabb.device, field.reach)
        return March(edges, field.shift, interval_of(config, field), config.least_transmittance)

    def _composite(self, colours: Tensor, weights: Tensor, ray: Tensor, rays: int) -> Tensor:
        """Colours ``[rays, 3]`` of samples; what they leave of a ray shows the background."""
        shown = torch.cat([colours * weights[:, None], weights[:, None]], dim=-1)
        sums = shown.new_zeros(rays, 4).index_add(0, ray, shown)
        # nerfstudio's renderer, which knows what the viewer's crop puts behind, on rays of one sample each.
        share = sums[:, 3:]
        mean = sums[:, :3] / share.clamp(min=1e-10)
        return self.renderer_rgb(rgb=mean[:, None], weights=share[:, None])

    def get_metrics_dict(self, outputs: dict[str, Any], batch: dict[str, Any]) -> dict[str, Tensor]:
        """PSNR of a batch."""
        image = self.renderer_rgb.blend_background(batch["image"].to(self.device))
        return {"psnr": self.psnr(outputs["rgb"], image)}

    def get_loss_dict(
        self, outputs: dict[str, Any], batch: dict[str, Any], metrics_dict: dict[str, Any] | None = None
    ) -> dict[str, Tensor]:
        """The squared error of colours and, in training, the regularisers whose weight is above 0."""
        image = batch["image"].to(self.device)
        predicted, target = self.renderer_rgb.blend_background_for_loss_computation(
            pred_image=outputs["rgb"], pred_accumulation=outputs["accumulation"], gt_image=image
        )
        losses = {"rgb_loss": functional.mse_loss(predicted, target)}
        if self.training:
            losses |= self._regularisers(outputs, image, target)
        return losses

    def _regularisers(self, outputs: dict[str, Any], image: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The weighted regularisers of a training step by name; ``image`` is ``[R, 3 or 4]``, ``target`` ``[R, 3]``."""
        config, field, samples = self.config, self.field, outputs["samples"]
        rays, losses = len(target), {}
        if config.opacity_loss_mult and image.shape[-1] == 4:
            losses["opacity_loss"] = config.opacity_loss_mult * opacity_loss(outputs["accumulation"], image[:, 3:])
        factor = 1.0 if field.is_fine else config.coarse_loss_factor
        if config.entropy_mult:
            losses["entropy_loss"] = factor * config.entropy_mult * binary_entropy(outputs["accumulation"])
        if config.point_color_mult:
            error = (samples.colours - target[samples.ray]).square().sum(dim=-1)
            weights = samples.weights.detach()[samples.ray, samples.step]
            losses["point_colour_loss"] = factor * config.point_color_mult * (weights * error).sum() / rays
        if config.distortion_mult:
            # The steps are equal in the contracted space, in which a room's rays are sampled.
            losses["distortion_loss"] = config.distortion_mult * distortion(samples.weights)
        # The original's strength: in proportion to the longest side over 128, and to one over the number of rays.
        strength = max(field.resolution) / 128 / rays
        if (config.tv_density or config.tv_color) and len(samples.points):
            nodes = touched_nodes(field.unit(samples.points), field.resolution)
            for name, grid, weight in (
                ("tv_density", field.density_grid, config.tv_density),
                ("tv_color", field.colour_grid, config.tv_color),
            ):
                if weight:
                    losses[name] = weight * strength * voxel_variation(grid.values, nodes)
        return losses

    def get_image_metrics_and_images(
        self, outputs: dict[str, Tensor], batch: dict[str, Tensor]
    ) -> tuple[dict[str, float], dict[str, Tensor]]:
        """PSNR, SSIM and LPIPS of a view, and it beside the true one."""
        image, rgb = self.renderer_rgb.blend_background(batch["image"].to(self.device)), outputs["rgb"]
        images = {
            "img": torch.cat([image, rgb], dim=1),
            "accumulation": colormaps.apply_colormap(outputs["accumulation"]),
            "depth": colormaps.apply_depth_colormap(outputs["depth"], accumulation=outputs["accumulation"]),
        }
        image, rgb = (picture.moveaxis(-1, 0)[None] for picture in (image, rgb))
        metrics = {name: float(getattr(self, name)(image, rgb)) for name in ("psnr", "ssim", "lpips")}
        return metrics, images

    def update_to_step(self, step: int) -> None:
        """Note the last step of a checkpoint; the grids take their shapes from it themselves."""
        self._loaded_step, self._steps_made = step, step + 1

    def get_training_callbacks(
        self, training_callback_attributes: TrainingCallbackAttributes
    ) -> list[TrainingCallback]:
        """The one that changes stages and resolutions after certain steps.

        Raises:
            InputError: If several processes are to train, a resumed run has grids that its settings do not make, or
                the grids do not fit into memory.
        """
        if comms.get_world_size() > 1:
            raise InputError("DVGO's grids grow, which several processes cannot do: give --machine.num-devices 1.")
        if self._loaded_step is not None:
            check_resumed(self.config, self.field, self._loaded_step)
        optimizers, pipeline = training_callback_attributes.optimizers, training_callback_attributes.pipeline
        assert optimizers is not None
        taken = bytes_taken(self.get_param_groups()[GRIDS], optimizers.optimizers[GRIDS])
        check_memory(self.config.resolution**3, 1 + self.config.features, self.device, taken=taken)
        config, coarse = self.config, not self.field.is_fine
        if config.mask_by == "weight" or (coarse and (config.coarse_view_counts or config.near_reach)):
            self._training_cameras = pipeline.datamanager.train_dataset.cameras  # type: ignore[union-attr]
        if coarse:
            set_coarse_rates(config, self.field, optimizers, self._training_cameras)
        return [
            *super().get_training_callbacks(training_callback_attributes),
            TrainingCallback(
                [TrainingCallbackLocation.AFTER_TRAIN_ITERATION],
                lambda step: self.after_step(optimizers, step),
                update_every_num_iters=1,
            ),
        ]

    def after_step(self, optimizers: Any, step: int) -> None:
        """Switch stages and scale the grids, where the settings say so for this training step."""
        after_step(self.config, self.field, optimizers, step, self.node_weights)
        self._steps_made = step + 1

    @torch.no_grad()
    def node_weights(self) -> Tensor:
        """The most that each node weighs in pixels of the training views, ``[X, Y, Z]``."""
        field, how, collider = self.field, self._march(), self.collider
        assert collider is not None and self._training_cameras is not None
        voxels = min(math.prod(field.resolution), MOST_NODES)
        weighs = torch.zeros(resolution_by_axis(field.aabb, voxels), device=self.device)
        for bundle in map(collider, spread_rays(self._training_cameras, self.device)):
            origins, directions = bundle.origins, bundle.directions
            assert bundle.nears is not None and bundle.fars is not None
            middle = torch.full_like(bundle.nears, 0.5)
            rays, bounds = torch.cat([origins, directions], -1), torch.cat([bundle.nears, bundle.fars, middle], -1)
            weights = march(rays, bounds, how, field.density_grid, field.aabb, field.space, field.alpha_mask)
            ray, step = weights.nonzero(as_tuple=True)
            distances = places(bundle.nears, middle, how.edges)[ray, step]
            points = field.unit(field.space(origins[ray] + distances[:, None] * directions[ray]))
            note_weights(weights[ray, step], points, weighs)
        return weighs


def _steps_of(bundle: RayBundle, edges: Tensor) -> RaySamples:
    """The steps of rays up to their far bounds, as the depth loss knows samples."""
    assert bundle.nears is not None and bundle.fars is not None
    shape = len(bundle), len(edges) - 1
    # All rays have as many steps as the box's diagonal, and most of them leave the box before.
    distances = torch.minimum(bundle.nears + edges, bundle.fars)
    starts, ends = distances[:, :-1], distances[:, 1:]
    origins, directions = (vectors[:, None].expand(*shape, 3) for vectors in (bundle.origins, bundle.directions))
    areas = bundle.pixel_area[:, None].expand(*shape, 1)
    return RaySamples(Frustums(origins, directions, starts[..., None], ends[..., None], areas))


def _median_depth(weights: Tensor, distances: Tensor, fars: Tensor) -> Tensor:
    """Where half of a ray's light is stopped, ``[R, 1]``; the ray's end where less than half is."""
    reached = weights.cumsum(dim=-1) >= 0.5
    first = reached.to(torch.uint8).argmax(dim=-1, keepdim=True)
    beyond = torch.minimum(fars, distances[:, -1:])
    return torch.where(reached[:, -1:], distances.gather(1, first), beyond)
