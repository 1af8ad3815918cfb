"""Averages over the views are nerfstudio's, and leave out what a view has no number for."""

import json
import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from nerfstudio.pipelines.base_pipeline import VanillaPipeline
from torch import nn

from s3im_methods.engine.pipeline import S3IMPipeline, check_complete, warnings_of
from s3im_methods.errors import InputError
from s3im_methods.models.s3im_losses import WHAT_COUNTS

NAN = float("nan")
TIMES = {"num_rays_per_sec", "fps"}


class Views(nn.Module):
    """A model whose views have the metrics that they are given."""

    def get_outputs_for_camera(self, camera):
        return {"rgb": torch.full((2, 3, 3), 0.5)}

    def get_image_metrics_and_images(self, outputs, batch):
        return {name: value for name, value in batch.items() if name != "scale"}, {"img": outputs["rgb"]}


class Camera:
    height, width = torch.tensor([2]), torch.tensor([3])


def average(views: list[dict[str, float]], kind: type[VanillaPipeline] = S3IMPipeline, **settings) -> dict[str, float]:
    pipeline = object.__new__(kind)
    nn.Module.__init__(pipeline)
    pipeline._model = Views()  # type: ignore[assignment]
    loader = [(Camera(), view) for view in views]
    found = pipeline.get_average_image_metrics(loader, "eval", **settings)
    assert pipeline.training
    assert pipeline.model.get_image_metrics_and_images.__func__ is Views.get_image_metrics_and_images
    return found


def without_times(metrics: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if name.removesuffix("_std") not in TIMES}


@pytest.mark.parametrize("get_std", [False, True])
def test_averages_of_numbers_are_those_of_nerfstudio(get_std):
    views = [{"psnr": 20.0 + 1.1 * i, "ssim": 0.3 * i} for i in range(5)]
    ours, theirs = (average(views, kind, get_std=get_std) for kind in (S3IMPipeline, VanillaPipeline))
    assert without_times(ours) == without_times(theirs)
    assert ours.keys() == theirs.keys()
    assert all(ours[name] > 0 for name in TIMES)


def test_views_without_a_number_do_not_count():
    views = [{"psnr": 20.0, "rel": NAN}, {"psnr": 22.0, "rel": 0.1}, {"psnr": 27.0, "rel": 0.3}]
    found = without_times(average(views, get_std=True))
    assert found == pytest.approx(
        {"psnr": 23.0, "psnr_std": math.sqrt(13), "rel": 0.2, "rel_std": math.sqrt(0.02)}, rel=1e-6
    )
    assert without_times(average(views)) == pytest.approx({"psnr": 23.0, "rel": 0.2})


@pytest.mark.parametrize("get_std", [False, True])
def test_what_no_view_has_is_left_out(get_std):
    found = without_times(average([{"psnr": 20.0, "rel": NAN}, {"psnr": 22.0, "rel": NAN}], get_std=get_std))
    assert found.keys() == ({"psnr", "psnr_std"} if get_std else {"psnr"})


def test_a_metric_that_some_views_lack_altogether():
    assert without_times(average([{"psnr": 20.0}, {"psnr": 22.0, "rel": 0.5}])) == {"psnr": 21.0, "rel": 0.5}


def test_scales_are_averaged_apart_too():
    views = [{"psnr": psnr, "scale": scale} for psnr, scale in ((30.0, 1), (32.0, 1), (20.0, 4))]
    found = without_times(average(views))
    found = {name: value for name, value in found.items() if name.startswith("psnr")}
    assert found == pytest.approx({"psnr": 82 / 3, "psnr_scale_1": 31.0, "psnr_scale_4": 20.0})


def test_an_evaluation_with_masks_says_what_counts(capsys):
    def said(views: list[dict[str, float]]) -> str:
        average(views)
        # Long lines are wrapped.
        return " ".join(capsys.readouterr().out.split())

    assert WHAT_COUNTS not in said([{"psnr": 20.0}])
    assert WHAT_COUNTS in said([{"psnr": 20.0}, {"psnr": 22.0, "masked_psnr": 25.0}])


def test_one_number_has_no_standard_deviation():
    found = average([{"psnr": 20.0, "rel": NAN}], get_std=True)
    assert found.keys() == {"psnr", *TIMES}
    json.dumps(found, allow_nan=False)


def test_pictures_are_saved(tmp_path):
    average([{"psnr": 20.0}] * 2, output_path=tmp_path)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["eval_img_0000.png", "eval_img_0001.png"]


def test_a_model_that_fails_keeps_its_own_metrics():
    def fail(camera):
        raise RuntimeError("out of memory")

    pipeline = object.__new__(S3IMPipeline)
    nn.Module.__init__(pipeline)
    pipeline._model = Views()  # type: ignore[assignment]
    pipeline._model.get_outputs_for_camera = fail  # type: ignore[assignment]
    with pytest.raises(RuntimeError):
        pipeline.get_average_image_metrics([(Camera(), {})], "eval")
    assert "get_image_metrics_and_images" not in vars(pipeline._model)


def test_upstream_still_averages_nan():
    """When this fails, nerfstudio leaves NaN out itself: drop ``S3IMPipeline.get_average_image_metrics``."""
    found = average([{"psnr": 20.0, "rel": NAN}, {"psnr": 22.0, "rel": 0.1}], VanillaPipeline)
    assert math.isnan(found["rel"])


class TestACheckpointThatLacksParts:
    """nerfstudio loads it nevertheless, and renders what was never trained."""

    model = torch.nn.ModuleDict({"field": torch.nn.Linear(2, 2), "lpips": torch.nn.Linear(1, 1)})

    def test_all_is_there(self):
        check_complete(set(self.model.state_dict()), self.model)

    def test_metrics_may_be_missing(self):
        check_complete({"field.weight", "field.bias", "more"}, self.model)

    def test_a_parameter_is_missing(self):
        with pytest.raises(InputError, match=r"lacks 1 parts of the model, the first of which is 'field.bias'"):
            check_complete({"field.weight"}, self.model)

    @pytest.mark.parametrize(
        ("stored", "there", "words"),
        [
            ("grid.tcnn_encoding.params", "grid.hash_table", "with tinycudann.*to tcnn and install tinycudann"),
            ("grid.hash_table", "grid.tcnn_encoding.params", "without tinycudann.*to torch"),
        ],
    )
    def test_hash_grids_of_another_implementation(self, stored, there, words):
        model = torch.nn.Module()
        model.state_dict = lambda: {there: torch.zeros(1)}  # type: ignore[method-assign,assignment]
        with pytest.raises(InputError, match=words):
            check_complete({stored}, model)


@pytest.mark.parametrize(
    ("moments", "still", "count"),
    [([0.0, 0.5], True, 1), ([0.0, 0.5], False, 0), ([0.5, 0.5], True, 0), (None, True, 0)],
)
def test_views_of_different_moments_do_not_suit_a_method_for_what_stands_still(moments, still, count):
    model: Any = SimpleNamespace(data_warnings=lambda _: [], collider=None, takes_scene_as_still=still)
    times = None if moments is None else torch.tensor(moments)[:, None]
    views: Any = SimpleNamespace(cameras=SimpleNamespace(times=times))
    found = warnings_of(model, views)
    assert len(found) == count and all("of different moments" in line for line in found)
