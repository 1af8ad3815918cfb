"""A film's cameras have the shape and the field of view of the training images; its frames are the model's output."""

import numpy as np
import pytest
import torch
from nerfstudio.cameras.cameras import Cameras, CameraType

from s3im_methods.errors import InputError
from s3im_methods.exporters.film.run_frames import film_cameras, run_frames

POSES = np.repeat(np.eye(3, 4)[None], 2, axis=0)


def test_cameras_keep_shape_and_field_of_view():
    trained = Cameras(torch.tensor(POSES).float(), 1500.0, 1500.0, 1000.0, 750.0, 2000, 1500)
    made = film_cameras(POSES, trained, 300)
    assert (int(made.width[0]), int(made.height[0])) == (300, 224)
    assert float(made.fx[0]) == pytest.approx(1500 * 300 / 2000)
    assert float(made.cx[0]) == 150.0
    tall = Cameras(torch.tensor(POSES).float(), 900.0, 900.0, 450.0, 800.0, 900, 1600)
    assert int(film_cameras(POSES, tall, 160).height[0]) == 160


def test_fisheye_and_panorama_are_filmed_by_pinholes():
    trained = Cameras(
        torch.tensor(POSES).float(), 100.0, 100.0, 200.0, 100.0, 400, 200, camera_type=CameraType.EQUIRECTANGULAR
    )
    made = film_cameras(POSES, trained, 100)
    assert bool((made.camera_type == CameraType.PERSPECTIVE.value).all())
    angle = 2 * np.degrees(np.arctan(50 / float(made.fx[0])))
    assert angle == pytest.approx(70.0)


class Model:
    def get_outputs_for_camera(self, camera: Cameras) -> dict[str, torch.Tensor]:
        size = int(camera.height[0]), int(camera.width[0])
        normals, depth = torch.full((*size, 3), 2.0), torch.ones(*size, 1)
        return {"rgb": torch.full((*size, 3), 0.5), "normals": normals, "depth": depth}


def test_frames_are_the_output_asked_for():
    cameras = Cameras(torch.tensor(POSES).float(), 4.0, 4.0, 4.0, 2.0, 8, 4)
    shown = list(run_frames(Model(), cameras, "rgb"))
    assert len(shown) == 2 and shown[0].shape == (4, 8, 3) and (shown[0] == 128).all()
    assert (next(run_frames(Model(), cameras, "normals")) == 255).all()
    with pytest.raises(InputError, match="The model has no picture 'depth': give one of normals, rgb"):
        next(run_frames(Model(), cameras, "depth"))
