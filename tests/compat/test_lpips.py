"""LPIPS never downloads, and is no part of a model's state."""

import pytest
import torch

from s3im_methods.compat import lpips as module
from s3im_methods.compat.lpips import CachedLPIPS, lpips_without_download, weights_path


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


def test_with_weights_it_is_torchmetrics(hub):
    import torchvision

    weights_path("alex").parent.mkdir(parents=True)
    torch.manual_seed(0)
    torch.save(torchvision.models.alexnet(weights=None).state_dict(), weights_path("alex"))
    metric, image = CachedLPIPS(normalize=True), torch.rand(1, 3, 64, 64)
    assert metric(image, image).item() == pytest.approx(0.0, abs=1e-6)
    assert metric(image, 1 - image).item() > 0


def test_torchmetrics_is_itself_again_afterwards(hub):
    from torchmetrics.image import lpip

    original = lpip.LearnedPerceptualImagePatchSimilarity
    with pytest.raises(KeyError), lpips_without_download():
        assert lpip.LearnedPerceptualImagePatchSimilarity is CachedLPIPS
        raise KeyError
    assert lpip.LearnedPerceptualImagePatchSimilarity is original


def test_upstream_still_downloads(hub):
    """When this fails, building a model no longer fetches weights (issue 2415): remove ``compat.lpips``."""
    from nerfstudio.data.scene_box import SceneBox
    from nerfstudio.models.nerfacto import NerfactoModelConfig

    with pytest.raises(AssertionError, match="a download was tried"):
        NerfactoModelConfig(implementation="torch", log2_hashmap_size=8).setup(
            scene_box=SceneBox(torch.tensor([[-1.0] * 3, [1.0] * 3])), num_train_data=1, metadata={}
        )
