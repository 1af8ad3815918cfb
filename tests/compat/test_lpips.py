"""LPIPS never downloads, and is no part of a model's state."""

from types import SimpleNamespace

import pytest
import torch
from nerfstudio.data.scene_box import SceneBox

from s3im_methods.compat import lpips as module
from s3im_methods.compat.lpips import CachedLPIPS, lpips_without_download, weights_path
from s3im_methods.fields.sdf_field import S3IMSDFFieldConfig
from s3im_methods.models.s3im_neus_facto import S3IMNeuSFactoModelConfig


@pytest.fixture()
def hub(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", _no_download)
    monkeypatch.setattr(module, "_announced", set())
    return tmp_path


def _no_download(*args, **kwargs):
    raise AssertionError("a download was tried")


def test_without_weights_it_is_nan_and_says_so_once(hub, capsys):
    metric = CachedLPIPS(normalize=True)
    image = torch.rand(1, 3, 64, 64)
    for _ in range(2):
        assert torch.isnan(metric(image, image))
    assert capsys.readouterr().out.count("LPIPS is unavailable") == 1


@pytest.fixture()
def weights(hub):
    """Random weights where AlexNet's would be."""
    import torchvision

    weights_path("alex").parent.mkdir(parents=True)
    torch.manual_seed(0)
    torch.save(torchvision.models.alexnet(weights=None).state_dict(), weights_path("alex"))


def test_with_weights_it_is_torchmetrics(weights):
    metric, image = CachedLPIPS(normalize=True), torch.rand(1, 3, 64, 64)
    assert metric(image, image).item() == pytest.approx(0.0, abs=1e-6)
    assert metric(image, 1 - image).item() > 0


def test_images_too_small_for_the_backbone_have_none(weights):
    metric = CachedLPIPS()
    for side, is_nan in ((31, True), (32, False)):
        image = torch.rand(1, 3, side, 40)
        assert torch.isnan(metric(image, image)).item() == is_nan


def test_a_surface_models_lpips_is_of_colours_from_0_to_1(weights):
    from torchmetrics.functional.image import learned_perceptual_image_patch_similarity

    field = S3IMSDFFieldConfig(num_layers=2, hidden_dim=16, log2_hashmap_size=8, implementation="torch")
    model = S3IMNeuSFactoModelConfig(sdf_field=field, background_model="none").setup(
        scene_box=SceneBox(torch.tensor([[-1.0] * 3, [1.0] * 3])), num_train_data=1, metadata={}
    )
    images = torch.rand(2, 1, 3, 64, 64)
    expected = learned_perceptual_image_patch_similarity(*images, net_type="alex", normalize=True)
    assert model.lpips(*images).item() == pytest.approx(expected.item(), rel=1e-5)


def test_torchmetrics_is_itself_again_afterwards(hub):
    from torchmetrics.image import lpip

    original = lpip.LearnedPerceptualImagePatchSimilarity
    with pytest.raises(KeyError), lpips_without_download():
        assert lpip.LearnedPerceptualImagePatchSimilarity is CachedLPIPS
        raise KeyError
    assert lpip.LearnedPerceptualImagePatchSimilarity is original


def test_upstream_still_downloads(hub):
    """When this fails, building a model no longer fetches weights (issue 2415): remove ``compat.lpips``."""
    from nerfstudio.models.nerfacto import NerfactoModelConfig

    with pytest.raises(AssertionError, match="a download was tried"):
        NerfactoModelConfig(implementation="torch", log2_hashmap_size=8).setup(
            scene_box=SceneBox(torch.tensor([[-1.0] * 3, [1.0] * 3])), num_train_data=1, metadata={}
        )


def test_upstream_still_gives_surface_models_colours_of_half_the_contrast(weights):
    """When this fails, ``normalize`` need no longer be right by default in ``compat.lpips``."""
    from nerfstudio.models.base_surface_model import SurfaceModelConfig

    # Its own field needs tinycudann.
    field = SimpleNamespace(setup=lambda **_: torch.nn.Identity())
    model = SurfaceModelConfig(sdf_field=field).setup(  # type: ignore[arg-type]
        scene_box=SceneBox(torch.tensor([[-1.0] * 3, [1.0] * 3])), num_train_data=1
    )
    assert not model.lpips.normalize
