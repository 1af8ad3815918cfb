"""Crops: finite pictures for every method, whatever of the box a camera sees."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.data.scene_box import OrientedBox, SceneBox
from nerfstudio.model_components.renderers import background_color_override_context
from nerfstudio.utils.colormaps import apply_depth_colormap

from s3im_methods.compat.lpips import lpips_without_download
from s3im_methods.fields.sdf_field import S3IMSDFFieldConfig
from s3im_methods.models.s3im_depth_nerfacto import S3IMDepthNerfactoModelConfig
from s3im_methods.models.s3im_nerfacto import S3IMNerfactoModelConfig
from s3im_methods.models.s3im_neus_facto import S3IMNeuSFactoModelConfig
from s3im_methods.models.s3im_tensorf import S3IMTensoRFModelConfig

PROPOSALS: dict[str, Any] = {
    "num_proposal_iterations": 1,
    "num_proposal_samples_per_ray": (16,),
    "proposal_net_args_list": [{"hidden_dim": 16, "log2_hashmap_size": 8, "num_levels": 2, "max_res": 32}],
}
NERFACTO: dict[str, Any] = PROPOSALS | {
    "num_levels": 4,
    "log2_hashmap_size": 10,
    "max_res": 64,
    "num_nerf_samples_per_ray": 8,
}
TENSORF: dict[str, Any] = {"init_resolution": 8, "final_resolution": 8, "upsampling_iters": (), "num_den_components": 2}
NEUS: dict[str, Any] = PROPOSALS | {
    "num_neus_samples_per_ray": 8,
    "num_samples_outside": 6,
    "scene_kind": "object",
    "sdf_field": S3IMSDFFieldConfig(
        num_layers=2, hidden_dim=32, num_levels=4, max_res=64, log2_hashmap_size=10, implementation="torch"
    ),
}
METHODS = {
    "nerfacto": S3IMNerfactoModelConfig(**NERFACTO),
    "nerfacto with predicted normals": S3IMNerfactoModelConfig(**NERFACTO, predict_normals=True),
    "nerfacto in torch": S3IMNerfactoModelConfig(**NERFACTO, implementation="torch"),
    "depth-nerfacto": S3IMDepthNerfactoModelConfig(**NERFACTO),
    "tensorf for rooms": S3IMTensoRFModelConfig(**TENSORF, scene_kind="room"),
    "tensorf for objects": S3IMTensoRFModelConfig(**TENSORF, scene_kind="object"),
    "original tensorf": S3IMTensoRFModelConfig(**TENSORF, style="original", scene_kind="room"),
    "nerfstudio's tensorf": S3IMTensoRFModelConfig(**TENSORF, style="nerfstudio"),
    "neus-facto": S3IMNeuSFactoModelConfig(**NEUS, background_model="none"),
    "neus-facto before nerf++": S3IMNeuSFactoModelConfig(**NEUS, background_model="nerf++"),
    "neus-facto before a grid": S3IMNeuSFactoModelConfig(**NEUS, background_model="grid"),
}
# The camera stands at z = 3 and looks along -z.
BOXES = {
    "in the middle": ((0.0, 0.0, 0.0), (0.0, 0.0, 0.3), (0.6, 0.6, 0.6)),
    "around the camera": ((0.0, 0.0, 3.0), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    "beside what is seen": ((50.0, 0.0, 0.0), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    "behind the camera": ((0.0, 0.0, 5.0), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    "beyond the model": ((0.0, 0.0, -2000.0), (0.0, 0.0, 0.0), (900.0, 900.0, 900.0)),
    "all there is": ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (1e5, 1e5, 1e5)),
    "without a size": ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (0.0, 1.0, 1.0)),
    "turned inside out": ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (-0.6, 0.6, 0.6)),
    "not a number": ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (math.nan, 1.0, 1.0)),
}
MISSED = ("beside what is seen", "behind the camera", "beyond the model", "without a size", "not a number")
COLOUR = torch.tensor([0.25, 0.5, 0.75])


@pytest.fixture(scope="module")
def model_of():
    built = {}

    def find(method: str):
        if method not in built:
            torch.manual_seed(0)
            with lpips_without_download():
                built[method] = (
                    METHODS[method]
                    .setup(scene_box=SceneBox(torch.tensor([[-1.0] * 3, [1.0] * 3])), num_train_data=3, metadata={})
                    .eval()
                )
        return built[method]

    return find


def camera() -> Cameras:
    pose = torch.eye(4)[:3]
    pose[2, 3] = 3.0
    return Cameras(pose[None], 12.0, 12.0, 7.5, 5.5, 15, 11)


def rendered(model, box: str) -> dict[str, torch.Tensor]:
    obb = OrientedBox.from_params(*BOXES["in the middle"])
    center, _, size = BOXES[box]
    if box != "in the middle":
        obb = OrientedBox(torch.eye(3), torch.tensor(center), torch.tensor(size))
    with background_color_override_context(COLOUR):
        return model.get_outputs_for_camera(camera(), obb_box=obb)


@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("method", METHODS)
def test_pictures_are_finite(model_of, method, box):
    outputs = rendered(model_of(method), box)
    assert {"rgb", "depth", "accumulation", "normals"} <= outputs.keys()
    for name, output in outputs.items():
        assert output.shape[:2] == (11, 15) and output.isfinite().all(), name
    picture = apply_depth_colormap(outputs["depth"], outputs["accumulation"])
    assert picture.isfinite().all()
    if box in MISSED:
        assert outputs["accumulation"].max() == 0 and torch.allclose(outputs["rgb"], COLOUR.expand(11, 15, 3))


@pytest.mark.parametrize("method", METHODS)
def test_what_misses_the_box_is_empty(model_of, method):
    outputs = rendered(model_of(method), "in the middle")
    corner, middle = ({name: image[y, x] for name, image in outputs.items()} for y, x in ((0, 0), (5, 7)))
    assert torch.equal(corner["rgb"], COLOUR) and corner["accumulation"].item() == 0
    assert torch.equal(corner["normals"], torch.full((3,), 0.5))
    # The depth picture's range is the crop's.
    assert 2.5 < middle["depth"].item() < 3.7 and corner["depth"].item() == outputs["depth"].max() < 3.7
    # Nothing but the crop's colour is behind the box.
    own = outputs["rgb"] - (1 - outputs["accumulation"]) * COLOUR
    assert (own >= -1e-5).all() and (own <= outputs["accumulation"] + 1e-5).all()


@pytest.mark.parametrize("method", ["nerfacto", "tensorf for rooms", "neus-facto", "neus-facto before nerf++"])
def test_without_a_crop_nothing_changes(model_of, method):
    model = model_of(method)
    rays = camera().generate_rays(0, keep_shape=True)
    bounded = model.collider(replace(rays.flatten()))
    whole = replace(rays, nears=bounded.nears.view(11, 15, 1), fars=bounded.fars.view(11, 15, 1))
    plain, cropped = (model.get_outputs_for_camera_ray_bundle(bundle) for bundle in (rays, whole))
    assert whole.nears is not None and whole.fars is not None
    hits = (whole.fars > whole.nears)[..., 0]
    for name in ("depth", "accumulation"):
        assert torch.allclose(plain[name][hits], cropped[name][hits], atol=1e-5)


@pytest.mark.parametrize("method", ["neus-facto before nerf++", "neus-facto before a grid"])
def test_no_background_is_seen_through_an_empty_box(model_of, method):
    empty = OrientedBox(torch.eye(3), torch.tensor([0.0, 0.8, 0.0]), torch.tensor([0.3, 0.2, 0.3]))
    with background_color_override_context(COLOUR):
        outputs = model_of(method).get_outputs_for_camera(camera(), obb_box=empty)
    clear = outputs["accumulation"][..., 0] < 0.9
    own = outputs["rgb"] - (1 - outputs["accumulation"]) * COLOUR
    assert clear.any() and (own <= outputs["accumulation"] + 1e-5).all()
