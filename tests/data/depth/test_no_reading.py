"""What is no reading is told from a measurement, and a wall far away stays a wall."""

import numpy as np
import pytest

from s3im_methods.data.depth.depth_files import StoredMap
from s3im_methods.data.depth.no_reading import common_tops, find_readings, plateau_of

RAMP = np.linspace(1, 5, 100, dtype=np.float32).reshape(10, 10)


def stored(values, bits: int = 0, largest: float = float(np.finfo(np.float32).max)) -> StoredMap:
    return StoredMap(np.asarray(values, dtype=np.float32), bits, largest)


def with_sky(value: float, rows: int = 3) -> np.ndarray:
    values = RAMP.copy()
    values[:rows] = value
    return values


@pytest.mark.parametrize("value", [1e10, 1e6, 1e4, 65504, 65535, 65.535, float(np.finfo(np.float32).max)])
@pytest.mark.parametrize("rows", [1, 9])
def test_constants_in_floating_point_maps(value, rows):
    reading = find_readings(stored(with_sky(value, rows)))
    assert reading.constants == {float(np.float32(value)): 10 * rows}
    assert reading.valid.sum() == 100 - 10 * rows
    assert reading.invalid == 0


@pytest.mark.parametrize(("bits", "largest"), [(8, 255), (16, 65535), (16, 32767), (32, 2**31 - 1), (32, 2**32 - 1)])
def test_the_largest_whole_number_means_none_unless_maps_are_stretched(bits, largest):
    values = with_sky(largest) * 1.0
    values[3:] *= 40
    assert find_readings(stored(values, bits, largest)).constants == {float(np.float32(largest)): 30}
    if bits < 32:
        stretched = np.linspace(0, largest, 100)
        assert find_readings(stored(stretched[None], bits, largest), saturates=False).constants == {}


def test_several_constants_and_a_single_pixel():
    values = RAMP.copy()
    values[0, :4], values[1, 0] = 65504, 1e10
    assert find_readings(stored(values)).constants == {65504: 4, 1e10: 1}


def test_sky_that_was_resized_is_left_out_too():
    values = RAMP.copy()
    values[0] = np.linspace(2e5, 1e6, 10)
    assert find_readings(stored(values)).valid.sum() == 90


@pytest.mark.parametrize("far", [6, 20, 60])
@pytest.mark.parametrize("rows", [1, 5, 9])
def test_a_wall_far_away_stays(far, rows):
    assert find_readings(stored(with_sky(far, rows))).valid.all()


def test_noise_near_zero_makes_no_wall_remote():
    values = np.full((10, 10), 2.0)
    values[0, :3] = 1e-3
    assert find_readings(stored(values)).valid.all()


def test_not_finite_and_negative_are_counted_and_zero_is_none_anyway():
    reading = find_readings(stored([[np.nan, np.inf, -np.inf, -1, 0, 2]]))
    assert (reading.invalid, reading.constants, int(reading.valid.sum())) == (4, {}, 2)


def pose(angle: float, x: float = 0.0) -> np.ndarray:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, 0, sin, x], [0, 1, 0, 0], [-sin, 0, cos, 0]])


def tops(values: list[np.ndarray], poses: list[np.ndarray], extent: float = 2.0) -> tuple[list, list]:
    plateaus = [plateau_of(stored(v), p, 1.0) for v, p in zip(values, poses, strict=True)]
    return common_tops([plateau for plateau in plateaus if plateau], len(values), extent)


TURNED = [pose(angle) for angle in (0.0, 0.5, 1.0, 1.5)]


def test_a_far_plane_that_cameras_share_means_none():
    assert tops([with_sky(50)] * 4, TURNED) == ([50], [])


def test_a_sensors_limit_is_doubtful():
    assert tops([np.minimum(RAMP, 4)] * 4, TURNED) == ([], [4])
    # As far as the cameras are apart it may be a place of the scene.
    assert tops([with_sky(50)] * 4, TURNED, extent=30.0) == ([], [50])


def test_one_wall_that_all_cameras_face_is_no_limit():
    assert tops([with_sky(50)] * 4, [pose(0.0, x) for x in range(4)]) == ([], [])


def test_walls_at_different_depths_and_few_pixels_are_no_limit():
    assert tops([with_sky(50 + k) for k in range(4)], TURNED) == ([], [])
    assert tops([RAMP] * 4, TURNED) == ([], [])
