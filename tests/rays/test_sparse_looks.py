"""Few looks along rays, and none missing where a surface is near."""

from typing import Any

import torch
from rays_at_a_ball import ball, rays

from s3im_methods.rays.sparse_looks import sparse_distances

REACH = 0.05


def looked(count: int = 300, steps: int = 32) -> tuple[Any, torch.Tensor, torch.Tensor, list[torch.Tensor]]:
    """Rays at a ball, places along them, what is found there, and which rays each look was at."""
    bundle, asked = rays(count=count), []
    assert bundle.nears is not None and bundle.fars is not None
    edges = bundle.nears + (bundle.fars - bundle.nears) * torch.linspace(0, 1, steps + 1)

    def at(of: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        asked.append(of)
        return ball(bundle.origins[of] + bundle.directions[of] * places[:, None])

    return bundle, edges, sparse_distances(at, edges, REACH), asked


def truth(bundle: Any, edges: torch.Tensor) -> torch.Tensor:
    return ball(bundle.origins[:, None] + bundle.directions[:, None] * edges[..., None])


def test_up_to_where_a_ray_is_stopped_all_that_is_near_is_looked_up():
    bundle, edges, found, _ = looked()
    expected = truth(bundle, edges)
    before = (expected < -REACH).cummax(dim=1).values.logical_not()
    near = (expected.abs() <= REACH) & before & (bundle.fars > bundle.nears)
    assert near.sum() > 200
    torch.testing.assert_close(found[near], expected[near], rtol=0, atol=1e-6)
    far = before & ~near & (bundle.fars > bundle.nears)
    assert (found[far] > REACH).all() or (found[far].sign() == expected[far].sign()).all()
    assert (found[far] - expected[far]).abs().max() < 0.1


def test_fewer_than_half_of_the_places_are_looked_up_and_no_ray_that_misses_is():
    bundle, edges, found, asked = looked()
    misses = (bundle.fars == bundle.nears)[:, 0]
    assert 10 < misses.sum() < 200
    assert sum(map(len, asked)) < 0.5 * edges[~misses].numel()
    assert not misses[torch.cat(asked)].any()
    assert (found[misses] > REACH).all()


def test_rays_that_all_miss_are_not_looked_at():
    edges = torch.ones(3, 9)
    found = sparse_distances(lambda of, places: 1 / 0, edges, REACH)  # type: ignore[arg-type,return-value]
    assert (found > REACH).all()


def test_what_is_behind_a_solid_is_not_looked_at_again():
    looks = []

    def two_walls(of: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        looks.append(places)
        return torch.maximum((places - 1).abs() - 0.6, -(places - 3.0).abs() + 0.3)

    sparse_distances(two_walls, torch.linspace(0, 4, 33)[None], REACH)
    # Four looks on each ray's part of four steps, and three more where the first wall's front is.
    assert len(looks[0]) == 9 and looks[1].max() < 1
