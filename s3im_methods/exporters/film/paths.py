"""Where the camera of a film goes: round an object, or in a loop through a room, judged by the training cameras."""

import math
from typing import Literal

import numpy as np
from nerfstudio.cameras.cameras import Cameras
from numpy.typing import NDArray
from scipy.interpolate import interp1d
from scipy.ndimage import convolve1d
from scipy.spatial.transform import Rotation, Slerp

from s3im_methods.data.scene_sphere import fit_scene_sphere

_MOST_KEYS = 12
_LEAST_SPREAD = 0.1
# Places along the path from which those of even speed are taken, for each frame.
_FINER = 16
# Where no camera stood in so large a part of the circle, what is seen from there was never trained.
_LARGEST_GAP = math.radians(150)
# How much of a turn of the view counts as much as moving across the whole room.
_TURN = math.pi


def film_path(
    cameras: Cameras, count: int, kind: Literal["auto", "orbit", "loop"] = "auto"
) -> tuple[NDArray[np.float64], str]:
    """Poses that come back to where they begin.

    Args:
        cameras: The training cameras.
        count: How many poses.
        kind: "orbit" round the point that the cameras look at, at their median height and distance; "loop" through
            some of the cameras; "auto" takes an orbit where :func:`fit_scene_sphere` finds an object.

    Returns:
        Camera-to-world matrices ``[count, 3, 4]`` with nerfstudio's axes, and what the path is, for the reader.

    Example:
        >>> import torch
        >>> poses = np.repeat(np.eye(3, 4)[None], 2, 0)
        >>> poses[1, 0, 3] = 1.0
        >>> film_path(Cameras(torch.tensor(poses).float(), 9.0, 9.0, 4.0, 4.0, 8, 8), 4, "loop")[0][:, 0, 3].round(1)
        array([0.2, 0.5, 0.8, 0.5])
    """
    poses = cameras.camera_to_worlds[:, :3].double().cpu().numpy()
    sphere = fit_scene_sphere(cameras, "object" if kind == "orbit" else "auto")
    if kind == "loop" or sphere.kind == "room":
        return loop_through(poses, count), "a loop through the training cameras"
    return orbit_round(poses, np.array(sphere.center), count)


def orbit_round(poses: NDArray, centre: NDArray, count: int) -> tuple[NDArray[np.float64], str]:
    """Poses on a circle round a point, or back and forth on an arc where no camera stood behind the object.

    Args:
        poses: Of the training cameras, ``[N, 3, 4]``.
        centre: The point, ``[3]``.
        count: How many poses.

    Returns:
        As for :func:`film_path`.
    """
    up = _upwards(poses)
    first = np.cross(up, np.eye(3)[np.abs(up).argmin()])
    first /= np.linalg.norm(first)
    second = np.cross(up, first)
    offsets = poses[:, :, 3] - centre
    distance = float(np.median(np.linalg.norm(offsets, axis=1)))
    height = float(np.clip(np.median(offsets @ up) / max(distance, 1e-12), -0.9, 0.9))
    azimuth = np.sort(np.arctan2(offsets @ second, offsets @ first))
    gaps = np.diff(np.append(azimuth, azimuth[0] + 2 * math.pi))
    turn = np.arange(count) / count * 2 * math.pi
    what = "an orbit"
    if gaps.max() > _LARGEST_GAP:
        # From the camera behind the largest gap on, all others follow.
        begin, width = azimuth[(gaps.argmax() + 1) % len(azimuth)], 2 * math.pi - gaps.max()
        turn = begin + width * (0.5 - 0.5 * np.cos(turn))
        what = f"back and forth over {math.degrees(width):.0f} degrees, where the training cameras are"
    flat = np.cos(turn)[:, None] * first + np.sin(turn)[:, None] * second
    origins = centre + distance * (math.sqrt(1 - height**2) * flat + height * up)
    return np.stack([look_at(origin, centre, up) for origin in origins]), what


def _upwards(poses: NDArray) -> NDArray[np.float64]:
    """Across the cameras' horizontal axes, ``[3]``; where these are nearly parallel, the mean of the vertical ones."""
    mean = poses[:, :, 1].mean(axis=0)
    _, spread, axes = np.linalg.svd(poses[:, :, 0], full_matrices=True)
    if len(spread) < 3 or spread[1] < _LEAST_SPREAD * spread[0]:
        return mean / np.linalg.norm(mean) if np.linalg.norm(mean) > 1e-6 else np.array([0.0, 0.0, 1.0])
    return axes[2] if axes[2] @ mean >= 0 else -axes[2]


def look_at(origin: NDArray, target: NDArray, up: NDArray) -> NDArray[np.float64]:
    """The pose ``[3, 4]`` of a camera at ``origin`` that has ``target`` in its middle and ``up`` upwards, ``[3]`` each.

    Example:
        >>> look_at(np.array([0.0, -2.0, 0.0]), np.zeros(3), np.array([0.0, 0.0, 1.0]))[:, 2]
        array([ 0., -1.,  0.])
    """
    back = (origin - target) / np.linalg.norm(origin - target)
    right = np.cross(up, back)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(back, right), back, origin], axis=1)


def loop_through(poses: NDArray, count: int) -> NDArray[np.float64]:
    """A closed path through some cameras, which are far from each other and ordered so that the way is short.

    Args:
        poses: Of the training cameras, ``[N, 3, 4]``.
        count: How many poses.

    Returns:
        ``[count, 3, 4]``.
    """
    away = _distances(poses)
    keys = _shortest_tour(_spread(away, min(_MOST_KEYS, len(poses))), away)
    if len(keys) == 1:
        return np.repeat(poses[keys], count, axis=0)
    around = [*keys, keys[0]]
    time = np.append(0.0, np.cumsum(np.maximum(away[around[:-1], around[1:]], 1e-6)))
    at = np.arange(_FINER * count) / (_FINER * count) * time[-1]
    origins = interp1d(time, poses[around, :, 3], axis=0)(at)
    turns = Slerp(time, Rotation.from_matrix(poses[around, :, :3]))(at).as_matrix()
    # A mean stays among what it is taken of: a spline that overshoots flies through walls.
    width = len(at) // len(keys)
    origins, turns = _smoothed(origins, width), _nearest_rotations(_smoothed(turns, width))
    closed, facing = np.append(origins, origins[:1], axis=0), Rotation.from_matrix(np.append(turns, turns[:1], axis=0))
    scale = max(float(np.linalg.norm(np.ptp(poses[keys, :, 3], axis=0))), 1e-12)
    moved = np.linalg.norm(np.diff(closed, axis=0), axis=1) / scale
    way = np.append(0.0, np.cumsum(moved + (facing[:-1].inv() * facing[1:]).magnitude() / _TURN))
    even = np.minimum(np.searchsorted(way, np.arange(count) / count * way[-1]), len(at) - 1)
    return np.concatenate([turns[even], origins[even, :, None]], axis=2)


def _smoothed(values: NDArray, width: int) -> NDArray[np.float64]:
    """Means with bell-shaped weights along the first axis, which is closed."""
    weights = np.hanning(2 * (width // 2) + 3)
    return convolve1d(values, weights / weights.sum(), axis=0, mode="wrap")


def _nearest_rotations(matrices: NDArray) -> NDArray[np.float64]:
    left, _, right = np.linalg.svd(matrices)
    left[..., -1] *= np.sign(np.linalg.det(left @ right))[..., None]
    return left @ right


def _distances(poses: NDArray) -> NDArray[np.float64]:
    """How far cameras are from each other, ``[N, N]``: in place, and in what they look at."""
    places = np.linalg.norm(poses[:, None, :, 3] - poses[None, :, :, 3], axis=-1)
    turns = np.arccos(np.clip(np.einsum("nij,mij->nm", poses[:, :, :3], poses[:, :, :3]) / 2 - 0.5, -1, 1))
    return places / max(float(places.max()), 1e-12) + turns / _TURN


def _spread(away: NDArray, count: int) -> list[int]:
    """Places of that many cameras, each as far as possible from those before it."""
    chosen = [0]
    while len(chosen) < count:
        left = away[chosen].min(axis=0)
        if left.max() <= 1e-9:
            break
        chosen.append(int(left.argmax()))
    return chosen


def _shortest_tour(keys: list[int], away: NDArray) -> list[int]:
    """The keys in an order that cannot be shortened by turning a part of it round (2-opt)."""
    tour, improved = list(keys), True
    while improved:
        improved = False
        for i in range(1, len(tour) - 1):
            for j in range(i + 1, len(tour)):
                a, b, c, d = tour[i - 1], tour[i], tour[j], tour[(j + 1) % len(tour)]
                if away[a, c] + away[b, d] < away[a, b] + away[c, d] - 1e-12:
                    tour[i : j + 1] = tour[i : j + 1][::-1]
                    improved = True
    return tour
