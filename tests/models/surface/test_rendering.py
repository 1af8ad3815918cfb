"""Surface rendering: any surface method, in evaluation alone, one sample a ray."""

from typing import Any

import pytest
import torch
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.data.scene_box import SceneBox
from short_training import losses_of_training
from torch.nn.functional import normalize

from s3im_methods.compat.lpips import lpips_without_download
from s3im_methods.data.scene_facts import add_facts
from s3im_methods.data.scene_sphere import SceneSphere
from s3im_methods.fields.sdf_field import S3IMSDFFieldConfig
from s3im_methods.models.s3im_neus import NeuSFieldConfig, S3IMNeuSModelConfig
from s3im_methods.models.s3im_neus_facto import S3IMNeuSFactoModelConfig
from s3im_methods.models.s3im_unisurf import S3IMUniSurfModelConfig
from s3im_methods.models.s3im_volsdf import S3IMVolSDFModelConfig
from s3im_methods.models.surface import rendering

CENTER, RADIUS = torch.tensor([0.0, 1.0, 0.0]), 2.0
SMALL: dict[str, Any] = {"hidden_dim": 64, "geo_feat_dim": 7, "num_layers": 1, "num_layers_color": 1}
SMALL |= {"hidden_dim_color": 16, "num_levels": 4, "max_res": 64, "log2_hashmap_size": 10, "position_frequencies": 0}
PROPOSALS = [{"hidden_dim": 8, "log2_hashmap_size": 10, "num_levels": 2, "max_res": 32, "use_linear": False}]
METHODS: dict[str, Any] = {
    "neus-facto": (S3IMNeuSFactoModelConfig, S3IMSDFFieldConfig, {"proposal_net_args_list": PROPOSALS * 2}),
    "neus": (S3IMNeuSModelConfig, NeuSFieldConfig, {}),
    "volsdf": (S3IMVolSDFModelConfig, NeuSFieldConfig, {}),
    "unisurf": (S3IMUniSurfModelConfig, NeuSFieldConfig, {}),
}


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    monkeypatch.setattr(rendering, "_GRID", 24)


def build(method: str = "neus", render: str = "surface", masks: bool = True, **settings: Any) -> Any:
    torch.manual_seed(0)
    metadata: dict[str, Any] = {}
    sphere = SceneSphere(tuple(CENTER.tolist()), RADIUS, "object")
    add_facts(metadata, object_sphere=sphere, room_sphere=sphere, has_foreground_mask=masks)
    config_class, field_class, own = METHODS[method]
    given = {"scene_kind": "object", "sdf_field": field_class(**SMALL), "render": render, **own, **settings}
    with lpips_without_download():
        return config_class(**given).setup(
            scene_box=SceneBox(torch.tensor([[-1.0] * 3, [1.0] * 3])), num_train_data=3, metadata=metadata
        )


def rays(count: int = 64, distance: float = 6.0, spread: float = 0.8) -> RayBundle:
    random = torch.Generator().manual_seed(0)
    origins = CENTER + distance * normalize(torch.randn(count, 3, generator=random), dim=-1)
    directions = normalize(CENTER + spread * torch.randn(count, 3, generator=random) - origins, dim=-1)
    images = torch.randint(0, 3, (count, 1), generator=random)
    norms = {"directions_norm": torch.ones(count, 1)}
    return RayBundle(origins, directions, torch.full((count, 1), 1e-5), camera_indices=images, metadata=norms)


def aside(bundle: RayBundle) -> torch.Tensor:
    """How near the rays come to the sphere's middle."""
    to_middle = CENTER - bundle.origins
    along = (to_middle * bundle.directions).sum(-1, keepdim=True)
    return (to_middle - along * bundle.directions).norm(dim=-1)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_shows_its_surface_with_the_outputs_of_volume_rendering(method):
    """The initial surface is a sphere of half the radius, more or less."""
    outputs = build(method).eval()(rays())
    volume = build(method, "volume").eval()(rays())
    assert outputs.keys() == {name for name in volume if not name.startswith("prop_depth")}
    assert all(outputs[name].shape == volume[name].shape for name in outputs)
    assert all(value.isfinite().all() for value in outputs.values())
    bundle = rays()
    hits, misses = aside(bundle) < 0.9, aside(bundle) > 1.1
    assert hits.sum() > 20 and misses.sum() > 10
    assert (outputs["accumulation"][hits] == 1).all() and (outputs["accumulation"][misses] == 0).all()
    points = bundle.origins + outputs["depth"] * bundle.directions
    assert ((points - CENTER).norm(dim=-1) - 1)[hits].abs().max() < 0.08
    torch.testing.assert_close(outputs["depth"][hits], outputs["expected_depth"][hits])
    outwards = normalize(points - CENTER, dim=-1)
    assert ((2 * outputs["normals"] - 1) * outwards).sum(-1)[hits].min() > 0.9
    assert torch.equal(outputs["rgb"][misses], torch.ones_like(outputs["rgb"][misses]))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_judged_by_it(method):
    model = build(method).eval()
    outputs = model.get_outputs_for_camera_ray_bundle(rays(24 * 24).reshape((24, 24)))
    metrics, images = model.get_image_metrics_and_images(outputs, {"image": torch.full((24, 24, 3), 0.5)})
    assert metrics["psnr"] > 0 and {"img", "depth", "normal"} <= images.keys()


@pytest.mark.parametrize("method", ["neus", "unisurf"])
def test_the_roots_are_the_fields(method):
    model, bundle = build(method).eval(), rays()
    outputs = model(bundle)
    hits = aside(bundle) < 0.9
    points = bundle.origins + outputs["depth"] * bundle.directions
    assert model.field.sdf(points)[hits].abs().max() < 1e-4


def test_a_room_is_seen_from_inside():
    model = build(scene_kind="room").eval()
    outputs = model(rays(distance=0.4))
    assert (outputs["accumulation"] == 1).all()
    assert outputs["depth"].min() > 0.3 and outputs["depth"].max() < 3.0
    # Behind nothing the last sample's colour is seen, which a ray that meets nothing has too.
    assert model.config.background_color == "last_sample"
    away = model(rays(distance=30.0, spread=0.0)[:4])
    assert all(value.isfinite().all() for value in away.values())


def test_the_background_is_behind_the_surface():
    model, bundle = build(masks=False, background_model="nerf++", num_samples_outside=4).eval(), rays()
    outputs = model(bundle)
    hits, misses = aside(bundle) < 0.9, aside(bundle) > 1.1
    torch.testing.assert_close(outputs["rgb"][misses], outputs["bg_rgb"][misses])
    assert ((outputs["rgb"] - outputs["bg_rgb"])[hits].abs().sum(-1) > 1e-4).all()


def test_training_is_by_volume_whatever_the_setting():
    volume, surface = (losses_of_training(build("neus", render), _batch, steps=2) for render in ("volume", "surface"))
    assert all(torch.equal(value, surface[step][name]) for step in range(2) for name, value in volume[step].items())


def _batch(step: int) -> tuple[RayBundle, dict[str, Any]]:
    targets = {"image": torch.full((64, 3), 0.5), "fg_mask": torch.ones(64, 1)}
    return rays(), targets


def test_after_a_training_step_the_new_surface_is_shown():
    model = build().eval()
    before = model(rays())["depth"]
    grid = model.surface_renderer.grid
    model(rays())
    assert model.surface_renderer.grid is grid
    with torch.no_grad():
        model.field.glin1.bias[0] += 0.2
    after = model(rays())["depth"]
    assert model.surface_renderer.grid is not grid
    hits = aside(rays()) < 0.5
    assert ((after - before)[hits] > 0.1).all()


def test_the_viewer_chooses_and_it_is_no_part_of_the_checkpoint():
    model = build(render="volume").eval()
    assert model.rays_at_once() == model.config.eval_num_rays_per_chunk
    model.surface_renderer.choice.default_value = "surface"  # What a panel that is not shown has.
    assert model.surface_renderer.is_chosen and model.rays_at_once() > model.config.eval_num_rays_per_chunk
    assert model(rays())["accumulation"].unique().numel() < 8
    assert not any("surface_renderer" in name for name in model.state_dict())


def test_an_old_config_has_volume_rendering():
    config = S3IMNeuSModelConfig()
    del config.__dict__["render"]
    assert config.render == "volume"


def test_lost_rays_are_counted_and_said_in_one_line(capsys):
    model = build().eval()
    model.surface_renderer.tracing = rendering.Tracing(near=1e-5, steps=3)
    image = rays().reshape((8, 8))
    model.get_outputs_for_camera_ray_bundle(image)
    said = " ".join(capsys.readouterr().out.split())
    assert said.startswith("Surface rendering lost ") and "of an image's 64 rays" in said
    # No more are lost in the next image, which is not worth a line.
    model.get_outputs_for_camera_ray_bundle(image)
    assert capsys.readouterr().out == ""
    model.surface_renderer.tracing = rendering.Tracing(near=1e-2)
    model.get_outputs_for_camera_ray_bundle(image)
    assert capsys.readouterr().out == ""


def test_a_ray_has_few_evaluations_and_one_colour():
    model, bundle, counts = build().eval(), rays(2000), {"sdf": 0, "full": 0}
    model(bundle)
    sdf, geometry = model.field.sdf, model.field.geometry
    model.field.sdf = lambda points: counts.update(sdf=counts["sdf"] + len(points)) or sdf(points)
    model.field.geometry = lambda points: counts.update(full=counts["full"] + len(points)) or geometry(points)
    model(bundle)
    assert counts["full"] <= 2000 and counts["sdf"] < 12 * 2000


def test_normals_are_colours_even_where_weights_sum_up_to_more_than_1(monkeypatch):
    model = build(render="volume").eval()
    own = model.renderer_accumulation.forward
    monkeypatch.setattr(model.renderer_accumulation, "forward", lambda weights: own(weights=weights) * 0 + 1.001)
    bundle = rays()
    with torch.no_grad():
        normals = model(bundle)["normals"]
    # ns-export poisson and pointcloud accept no others.
    assert normals.min() >= 0
    assert normals.max() <= 1
