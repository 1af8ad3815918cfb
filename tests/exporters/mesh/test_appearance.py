"""The colours of a surface, some of which a model may not know."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from nerfstudio.field_components.field_heads import FieldHeadNames
from nerfstudio.utils.rich_utils import CONSOLE

from s3im_methods.errors import InputError
from s3im_methods.exporters.mesh.appearance import surface_colours
from s3im_methods.exporters.mesh.world_frame import WorldFrame

FRAME = WorldFrame(np.eye(3), np.zeros(3), 1.0)
NORMALS = np.tile([0.0, 0.0, 1.0], (100, 1))


def colours(broken: int) -> np.ndarray:
    """Of a hundred points along x, of which the first have no red."""

    def field(samples):
        x = samples.frustums.get_positions()[..., :1]
        rgb = torch.ones_like(x).expand(*x.shape[:-1], 3).clone()
        rgb[..., :1][x < broken] = torch.nan
        return {FieldHeadNames.RGB: rgb}

    points = np.arange(100.0)[:, None] * [1, 0, 0]
    return surface_colours(SimpleNamespace(field=field), points, NORMALS, FRAME, "cpu")


def test_a_few_points_without_a_colour_become_grey():
    with CONSOLE.capture() as capture:
        found = colours(3)
    assert (found[:3] == 128).all() and (found[3:] == 255).all()
    assert "3 of 100 colours on the surface are not finite (NaN or infinite): these points become grey." in " ".join(
        capture.get().split()
    )
    with CONSOLE.capture() as capture:
        assert (colours(0) == 255).all()
    assert "not finite" not in capture.get()


def test_a_surface_without_colours_is_refused():
    with pytest.raises(InputError, match=r"^50 of 100 colours of SimpleNamespace on the surface are not finite \("):
        colours(50)
