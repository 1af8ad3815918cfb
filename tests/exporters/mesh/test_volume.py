"""Every method that can be trained here has values and colours at points, from which a mesh is made."""

import copy
from importlib.metadata import entry_points
from typing import Any

import pytest
import torch
from every_method import METHODS, build, small, wrapped

from s3im_methods.errors import InputError
from s3im_methods.exporters.mesh.appearance import field_colours
from s3im_methods.exporters.mesh.volume import field_of, scalar_field

OURS = {
    point.name: point.load
    for point in entry_points(group="nerfstudio.method_configs")
    if point.value.startswith("s3im_methods.") and point.name.endswith("-lite")
}
SURFACES = ("neus", "neus-facto", "volsdf")
POINTS = 0.2 * torch.randn(40, 3, generator=torch.Generator().manual_seed(0)).clamp(-2, 2)
DIRECTIONS = torch.nn.functional.normalize(POINTS, dim=-1)


def check(model: Any, kind: str) -> None:
    field = scalar_field(model)
    values, colours = field.value(POINTS), field_colours(model, POINTS, DIRECTIONS)
    assert field.kind == kind
    assert values.shape == (40,) and values.isfinite().all()
    assert colours.shape == (40, 3) and colours.isfinite().all()
    # Of one point they are the same: shapes of one are where squeezing goes wrong.
    torch.testing.assert_close(field.value(POINTS[:1]), values[:1], rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(field_colours(model, POINTS[:1], DIRECTIONS[:1]), colours[:1], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "settings"),
    [(name, {}) for name in OURS] + [(f"s3im-mipnerf{kind}-lite", {"encoding": "mlp"}) for kind in ("", "360")],
)
def test_methods_of_this_pack(name, settings):
    config = small(copy.deepcopy(OURS[name]().config))
    vars(config.pipeline.model).update(settings)
    base = name.removeprefix("s3im-").removesuffix("-lite")
    check(build(config).eval(), {"unisurf": "occupancy"}.get(base, "sdf" if base in SURFACES else "density"))


@pytest.mark.parametrize("name", METHODS)
def test_methods_of_others(name):
    check(build(wrapped(name)).eval(), "sdf" if name in SURFACES else "density")


def test_a_scene_in_motion_has_no_mesh():
    model = build(wrapped("dnerf")).eval()
    assert field_of(model) is model.field_fine
    model.scene_has_times = True
    with pytest.raises(InputError, match="shows a scene in motion, which has no single surface"):
        scalar_field(model)
    at_rest = build(wrapped("vanilla-nerf")).eval()
    at_rest.scene_has_times = True
    assert scalar_field(at_rest).kind == "density"
