"""Surface rendering: any surface method, in evaluation alone, one sample a ray."""

import pytest
import torch
from nerfstudio.cameras.rays import RayBundle
from short_training import losses_of_training
from small_surfaces import CENTER, METHODS, batch, build, rays
from torch.nn.functional import normalize

from s3im_methods.models.s3im_neus import S3IMNeuSModelConfig
from s3im_methods.models.surface import rendering


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    monkeypatch.setattr(rendering, "_GRID", 24)


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


@pytest.mark.parametrize("kind", ["object", "room"])
def test_volsdf_is_met_where_volume_rendering_has_an_objects_outline(kind):
    model, bundle = build("volsdf", scene_kind=kind).eval(), rays(distance=6.0 if kind == "object" else 0.4)
    outputs = model(bundle)
    hits = aside(bundle) < 0.9
    points = bundle.origins + outputs["depth"] * bundle.directions
    level = model.field.opacity.outline() if kind == "object" else 0.0
    assert (model.field.sdf(points) - level)[hits].abs().max() < 1e-4
    assert model.field.opacity.outline() > 0.005


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
    volume, surface = (losses_of_training(build("neus", render), batch, steps=2) for render in ("volume", "surface"))
    assert all(torch.equal(value, surface[step][name]) for step in range(2) for name, value in volume[step].items())


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


def test_when_the_schedule_of_the_density_goes_on_the_new_outline_is_shown():
    model = build("volsdf").eval()
    levels = []
    for progress in (0.2, 0.6):
        model.field.opacity.progress = progress
        bundle = rays()
        hits = aside(bundle) < 0.9
        points = bundle.origins + model(bundle)["depth"] * bundle.directions
        assert (model.field.sdf(points) - model.field.opacity.outline())[hits].abs().max() < 1e-4
        levels.append(model.field.opacity.outline().item())
    assert levels[0] > 1.5 * levels[1]


def test_a_ray_that_meets_nothing_has_its_sample_where_it_ends():
    model = build().eval()
    bundle = model.collider(rays())
    found = model.surface_renderer(bundle, model.field)
    misses = aside(bundle) > 1.1
    assert misses.sum() > 10
    assert torch.equal(found.samples.frustums.starts[misses][:, 0], bundle.fars[misses])


def test_a_pixel_beside_the_surface_is_covered_by_its_share():
    """Pixels a thirtieth as wide as their distance is."""
    model, bundle = build().eval(), rays(1000)
    bundle.pixel_area = torch.full((1000, 1), 1e-3)
    seen = model(bundle)["accumulation"][:, 0]
    bundle = model.collider(bundle)
    shares = torch.linspace(0, 1, 400)
    along = bundle.nears + (bundle.fars - bundle.nears) * shares
    points = bundle.origins[:, None] + along[..., None] * bundle.directions[:, None]
    distances = model.field.sdf(points.view(-1, 3)).view(1000, 400)
    closest, place = distances.min(dim=1)
    passes = (closest > 0.01) & (bundle.fars > bundle.nears)[:, 0]
    expected = 0.5 - closest / (1e-3**0.5 * along.gather(1, place[:, None])[:, 0])
    chosen = passes & (expected > 0.05)
    assert chosen.sum() > 15
    assert (seen - expected)[chosen].abs().max() < 0.1
