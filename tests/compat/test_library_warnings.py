"""Other libraries' warnings about their own code are left out, and no others."""

import sys
import warnings

import pytest
import torch
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.field_components.encodings import HashEncoding
from nerfstudio.field_components.mlp import MLP

from s3im_methods.compat.library_warnings import leave_out_library_warnings, no_word_on_slow_modules


def shown(monkeypatch, *cases: tuple[str, type[Warning], str], options: tuple[str, ...] = ()) -> list[str]:
    """Which of (sentence, category, module) Python shows."""
    monkeypatch.setattr(sys, "warnoptions", list(options))
    with warnings.catch_warnings(record=True) as record:
        warnings.resetwarnings()
        leave_out_library_warnings()
        for sentence, category, module in cases:
            place = f"/env/site-packages/{module.replace('.', '/')}.py"
            name = place.removesuffix(".py") if category is SyntaxWarning else module
            warnings.warn_explicit(sentence, category, place, 1, name, {})
    return [str(warning.message) for warning in record]


@pytest.mark.parametrize(
    ("sentence", "category", "module"),
    [
        ("`torch.jit.script` is deprecated. Please switch", FutureWarning, "torch.jit._script"),
        (
            "`torch.cuda.amp.custom_fwd(args...)` is deprecated",
            FutureWarning,
            "nerfstudio.field_components.activations",
        ),
        ("Importing from timm.models.layers is deprecated", FutureWarning, "timm"),
        ("np.bool8 is a deprecated alias", DeprecationWarning, "tensorboard.compat"),
        ("Using a non-tuple sequence for multidimensional indexing is", UserWarning, "nerfstudio.cameras.cameras"),
        ("To copy construct from a tensor, it is recommended to use", UserWarning, "nerfstudio.cameras.camera_utils"),
        ("This DataLoader will create 4 worker processes in total.", UserWarning, "torch.utils.data.dataloader"),
        ("torch.cuda.amp.GradScaler is enabled, but CUDA is not available.", UserWarning, "torch.cuda.amp.grad_scaler"),
        ("Converting a tensor with requires_grad=True to a scalar may lead", UserWarning, "nerfstudio.utils.writer"),
        ("Image size (100000000 pixels) exceeds limit of 89478485 pixels, could", RuntimeWarning, "PIL.Image"),
        ("invalid escape sequence '\\s'", SyntaxWarning, "anything.at_all"),
    ],
)
def test_a_librarys_word_to_developers_is_left_out(sentence, category, module, monkeypatch):
    assert shown(monkeypatch, (sentence, category, module)) == []
    # What a user asks Python for is shown.
    assert shown(monkeypatch, (sentence, category, module), options=("default",)) == [sentence]


@pytest.mark.parametrize(
    ("sentence", "category", "module"),
    [
        ("tinycudann was built for lower compute capability", UserWarning, "tinycudann.modules"),
        ("CUDA initialization: the driver is too old", UserWarning, "torch.cuda"),
        ("old", FutureWarning, "my_plugin.model"),
        ("old", FutureWarning, "torchlike.model"),
        ("old", DeprecationWarning, "__main__"),
        ("This DataLoader will create 4 worker processes in total.", UserWarning, "my_plugin.data"),
        ("divide by zero", RuntimeWarning, "nerfstudio.utils.math"),
    ],
)
def test_what_concerns_the_user_is_shown(sentence, category, module, monkeypatch):
    assert shown(monkeypatch, (sentence, category, module)) == [sentence]


def test_the_fused_grids_are_not_called_slow(capsys, monkeypatch):
    monkeypatch.setattr("nerfstudio.field_components.encodings.TCNN_EXISTS", False)
    monkeypatch.setattr("nerfstudio.field_components.mlp.TCNN_EXISTS", False)

    def build() -> str:
        HashEncoding(2, 4, 8, 4, implementation="tcnn")
        MLP(3, 2, 8, 3, implementation="tcnn")
        return capsys.readouterr().out

    with no_word_on_slow_modules():
        assert build() == ""
    # A method that is not ours is told so, which is also when this can go: upstream still says it.
    assert build().count("slow implementation") == 2


def test_upstream_still_indexes_with_a_list():
    """When this fails, take that row out of ``USER_WARNINGS``."""
    camera = Cameras(torch.eye(4)[None, :3], 1.0, 1.0, 1.0, 1.0, 2, 2)
    with pytest.warns(UserWarning, match="non-tuple sequence"):
        camera.generate_rays(camera_indices=0, keep_shape=True)
