"""Methods of others with S3IM: the method's own numbers at weight 0, S3IM's at its own colours, and whole runs."""

import copy
import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import yaml
from every_method import METHODS, base, batch, build, small, wrapped
from nerfstudio.configs.method_configs import all_methods
from nerfstudio.data.datamanagers.base_datamanager import VanillaDataManagerConfig
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig
from nerfstudio.data.datasets.depth_dataset import DepthDataset
from nerfstudio.data.pixel_samplers import PixelSampler, PixelSamplerConfig
from nerfstudio.engine.trainer import Trainer
from nerfstudio.model_components import losses
from PIL import Image
from short_runs import short_config, train
from short_training import losses_of_training
from toy_plugin import ToyDataManager, ToyPipeline, ToyTrainer, toy

from s3im_methods.compat.lpips import CachedLPIPS, lpips_without_download
from s3im_methods.data.checked_parser import checked_parser
from s3im_methods.engine.pipeline import S3IMPipeline
from s3im_methods.engine.run_config import unknown_settings
from s3im_methods.engine.trainer import S3IMTrainer
from s3im_methods.errors import InputError
from s3im_methods.models.any_method import targets
from s3im_methods.models.any_method.configs import with_s3im
from s3im_methods.samplers.repeatable_pixels import RepeatablePixelSampler
from s3im_methods.scenes import RoomConfig, write_scene

STEPS = 3


@pytest.fixture(autouse=True)
def with_the_toy(monkeypatch):
    monkeypatch.setitem(all_methods, "toy", toy.config)
    monkeypatch.setitem(all_methods, "toy+s3im", with_s3im("toy"))


@pytest.fixture(scope="module")
def room(tmp_path_factory) -> Path:
    size: dict[str, Any] = {
        "width": 24,
        "height": 18,
        "train_views": 8,
        "test_views": 2,
        "light_samples": 4,
        "supersampling": 1,
    }
    return write_scene(RoomConfig(**size), tmp_path_factory.mktemp("scenes") / "room")


def test_every_method_of_nerfstudio_that_renders_rays_is_here():
    assert {"nerfacto", "tensorf", "mipnerf", "vanilla-nerf", "dnerf", "neus", "neus-facto"} <= set(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_weight_zero_is_the_method_to_the_last_bit_and_checkpoints_fit_both_ways(name):
    own, ours = build(base(name)), build(wrapped(name, loss_mult=0.0))
    of_own, of_ours = losses_of_training(own, batch, STEPS), losses_of_training(ours, batch, STEPS)
    for step, (one, other) in enumerate(zip(of_own, of_ours, strict=True)):
        assert one.keys() == other.keys()
        assert all(torch.equal(one[term], other[term]) for term in one), step
    assert all(torch.equal(value, ours.state_dict()[key]) for key, value in own.state_dict().items())
    own.load_state_dict(ours.state_dict())
    ours.load_state_dict(own.state_dict())


@pytest.mark.parametrize("name", METHODS)
def test_s3im_is_added_at_the_colours_that_the_method_compares(name):
    """The first step's other losses are the method's own; the control and the balance scale those of these colours."""
    (own,) = losses_of_training(build(base(name)), batch, 1)
    (added,) = losses_of_training(build(wrapped(name, balance="add")), batch, 1)
    (control,) = losses_of_training(build(wrapped(name, role="control", balance="add")), batch, 1)
    (kept,) = losses_of_training(build(wrapped(name, balance="keep")), batch, 1)
    assert set(added) - set(own) == set(kept) - set(own) == {"s3im_loss"} and control.keys() == own.keys()
    assert all(torch.equal(added[term], own[term]) for term in own) and 0 < added["s3im_loss"] < 2
    of_colours = {term for term in own if not torch.equal(control[term], own[term])}
    # K-Planes, where it is installed, calls it rgb.
    assert len(of_colours) == 1 and of_colours <= {"rgb_loss", "rgb_loss_fine", "rgb"}
    (term,) = of_colours
    assert control[term] > own[term] > kept[term]
    assert all(torch.equal(kept[other], own[other]) for other in own if other != term)


def test_a_random_background_is_drawn_once_a_step(monkeypatch):
    config = wrapped("nerfacto")
    config.pipeline.model.background_color = "random"
    model, compared, drawn = build(config), {}, []
    draw = torch.rand_like

    def draw_and_count(*args: Any, **kwargs: Any) -> torch.Tensor:
        drawn.append(1)
        return draw(*args, **kwargs)

    def note(module: Any, args: tuple) -> None:
        compared[type(module).__name__] = args[:2]

    model.rgb_loss.register_forward_pre_hook(note)
    model.s3im.register_forward_pre_hook(note)
    monkeypatch.setattr("nerfstudio.model_components.renderers.torch.rand_like", draw_and_count)
    rays, pixels = batch(0, channels=4)
    model.train()
    outputs = model(rays)
    metrics = model.get_metrics_dict(outputs, pixels)
    drawn.clear()
    model.get_loss_dict(outputs, pixels, metrics)
    assert len(drawn) == 1
    target, predicted = compared["MSELoss"]
    assert torch.equal(compared["S3IMTerm"][0], predicted) and torch.equal(compared["S3IMTerm"][1], target)


def test_it_is_no_loss_of_evaluation():
    model = build(wrapped("tensorf")).eval()
    outputs = model(batch(0)[0])
    assert "s3im_loss" not in model.get_loss_dict(outputs, batch(0)[1], {})


@pytest.mark.parametrize("name", [*METHODS, "toy"])
def test_config_yml_keeps_the_methods_own_classes(name):
    config = with_s3im(name)
    assert config.method_name == f"{name}+s3im" and config.vis != "wandb"
    text = yaml.dump(config)
    loaded = yaml.load(text, Loader=yaml.Loader)
    assert yaml.dump(loaded) == text and unknown_settings(loaded) == []
    own = all_methods[name]
    for part, kept in ((own, loaded), (own.pipeline, loaded.pipeline), (own.pipeline.model, loaded.pipeline.model)):
        assert type(kept) is type(part) and kept.base_target is part._target
    assert type(loaded.pipeline.datamanager.pixel_sampler) is PixelSamplerConfig
    # The method itself is as it was.
    assert not hasattr(own.pipeline.model, "s3im") and own._target is not targets.trainer
    assert all_methods[f"{name}+s3im"].pipeline.datamanager._target is own.pipeline.datamanager._target


def test_the_toy_keeps_all_that_is_its_own():
    config = with_s3im("toy")
    trainer = config.setup(local_rank=0, world_size=1)
    assert isinstance(trainer, S3IMTrainer) and isinstance(trainer, ToyTrainer)
    assert targets._both(S3IMTrainer, Trainer) is S3IMTrainer
    model = toy_model()
    rays = batch(0)[0].reshape((4, 8))
    with torch.no_grad():
        assert "by_the_toy" in model.get_outputs_for_camera_ray_bundle(rays)


def toy_model(**s3im: Any) -> Any:
    config = with_s3im("toy")
    vars(config.pipeline.model.s3im).update(s3im)
    return build(config)


def test_odd_names_and_plain_numbers_among_the_losses_are_no_obstacle():
    (own,) = losses_of_training_of_toy()
    (control,) = losses_of_training_of_toy(role="control", balance="add")
    (kept,) = losses_of_training_of_toy(balance="keep")
    assert control["photo"] > own["photo"] > kept["photo"] and "s3im_loss" in kept
    assert own["smooth"] == control["smooth"] == kept["smooth"] and kept["count"] == 3


def losses_of_training_of_toy(**s3im: Any) -> list[dict[str, Any]]:
    model = toy_model(**(s3im or {"loss_mult": 0.0})).train()
    rays, pixels = batch(0)
    torch.manual_seed(1)
    return [model.get_loss_dict(model(rays), pixels)]


def test_lpips_that_a_plugin_imported_by_name_is_not_downloaded():
    import toy_plugin

    imported = toy_plugin.Perceptual
    assert isinstance(toy_model().perceptual, CachedLPIPS) and toy_plugin.Perceptual is imported


def test_a_model_whose_colours_are_not_found_is_refused_in_a_sentence():
    model = toy_model().train()
    model.photometric = torch.nn.Identity()
    model.photometric.forward = lambda one, other: (one - other).square().mean()  # type: ignore[method-assign]
    rays, pixels = batch(0)
    with pytest.raises(InputError, match="finds no rendered colours in ToyModelWithS3IM"):
        model.get_loss_dict(model(rays), pixels)


def test_weight_zero_is_the_toy_over_a_whole_training_by_its_own_trainer_and_pipeline(room, tmp_path):
    own = copy.deepcopy(toy.config)
    with lpips_without_download():
        of_own = train(short_config(own, room, tmp_path / "own", 6))
    ours = with_s3im("toy")
    ours.pipeline.model.s3im.loss_mult = 0.0
    ours._target, ours.pipeline._target = ToyTrainer, ToyPipeline
    of_ours = train(short_config(ours, room, tmp_path / "ours", 6))
    assert of_own["pipeline"].keys() == of_ours["pipeline"].keys()
    assert all(torch.equal(value, of_ours["pipeline"][key]) for key, value in of_own["pipeline"].items())


def test_a_resumed_run_of_a_method_with_proposal_networks_equals_one_that_was_never_stopped(room, tmp_path):
    """Its proposal networks do not learn in every step."""

    def small(out: Path, steps: int) -> Any:
        config = short_config(with_s3im("phototourism"), room, out, steps)
        config.pipeline.datamanager.dataparser = NerfstudioDataParserConfig()
        model = config.pipeline.model
        model.num_levels, model.log2_hashmap_size, model.max_res = 2, 8, 32
        model.hidden_dim, model.hidden_dim_color = 16, 16
        model.num_proposal_samples_per_ray, model.num_nerf_samples_per_ray = (16, 8), 8
        model.proposal_warmup = 10
        return config

    straight = train(small(tmp_path / "straight", 22))
    first, second = small(tmp_path / "resumed", 14), small(tmp_path / "resumed", 22)
    train(first)
    second.load_dir = first.get_checkpoint_dir()
    resumed = train(second)
    assert all(torch.equal(value, resumed["pipeline"][key]) for key, value in straight["pipeline"].items())


def test_a_tensorf_resumed_after_it_has_grown_equals_one_that_was_never_stopped(room, tmp_path):
    def small_tensorf(out: Path, steps: int) -> Any:
        config = short_config(small(with_s3im("tensorf")), room, out, steps)
        # Its own one draws in another process.
        config.pipeline.datamanager = VanillaDataManagerConfig(
            data=room, dataparser=NerfstudioDataParserConfig(), train_num_rays_per_batch=64
        )
        config.pipeline.model.final_resolution, config.pipeline.model.upsampling_iters = 16, (2, 4)
        return config

    straight = train(small_tensorf(tmp_path / "straight", 9))
    first, second = small_tensorf(tmp_path / "resumed", 6), small_tensorf(tmp_path / "resumed", 9)
    grown = train(first)["pipeline"]
    second.load_dir = first.get_checkpoint_dir()
    resumed = train(second)["pipeline"]
    names = [name for name in grown if "coef" in name]
    assert names and all(not torch.equal(resumed[name], grown[name]) for name in names)
    for name, value in straight["pipeline"].items():
        torch.testing.assert_close(resumed[name], value, rtol=1e-5, atol=1e-6)


def test_pixels_of_other_processes_are_repeatable_and_config_yml_keeps_nerfstudios_sampler():
    for name, kind in (("nerfacto", RepeatablePixelSampler), ("phototourism", PixelSampler)):
        manager = with_s3im(name).pipeline.datamanager
        before = yaml.dump(manager)
        with targets._pixels_are_repeatable(manager):
            assert manager.pixel_sampler._target is kind
        assert yaml.dump(manager) == before


def test_a_resumed_run_of_the_toy_equals_one_that_was_never_stopped(room, tmp_path):
    straight = train(short_config(with_s3im("toy"), room, tmp_path / "straight", 6))
    first = short_config(with_s3im("toy"), room, tmp_path / "resumed", 3)
    train(first)
    second = short_config(with_s3im("toy"), room, tmp_path / "resumed", 6)
    second.load_dir = first.get_checkpoint_dir()
    resumed = train(second)
    assert resumed["step"] == straight["step"] == 5
    for key, value in straight["pipeline"].items():
        torch.testing.assert_close(resumed["pipeline"][key], value, rtol=1e-6, atol=1e-7)


def test_pipeline_and_data_manager_are_the_toys_and_ours_look_after_them(room, tmp_path):
    config = short_config(with_s3im("toy"), room, tmp_path, 1)
    pipeline = config.pipeline.setup(device="cpu")
    assert isinstance(pipeline, S3IMPipeline) and isinstance(pipeline, ToyPipeline)
    assert type(pipeline.datamanager) is ToyDataManager and pipeline.model.toy_argument == "from the pipeline"
    assert pipeline.model.scene_has_times is False
    config.pipeline.datamanager.data = tmp_path / "nowhere"
    with pytest.raises(InputError, match="nowhere"):
        config.pipeline.setup(device="cpu")


def altered(room: Path, folder: Path, alter: Callable[[dict], object]) -> Path:
    """A copy of a scene with another transforms.json."""
    shutil.copytree(room, folder)
    meta = json.loads((folder / "transforms.json").read_text())
    alter(meta)
    (folder / "transforms.json").write_text(json.dumps(meta))
    return folder


def in_other_words(meta: dict) -> None:
    meta["k"] = 0.05
    for term in ("k1", "k2", "p1", "p2"):
        meta.pop(term, None)
    for frame in meta["frames"]:
        frame["mask_filename"] = "mask.png"
        frame["depth_path"] = frame.pop("depth_file_path")
        for axis in range(3):
            frame["transform_matrix"][axis][3] += 5e5


@pytest.fixture(scope="module")
def odd_scene(room, tmp_path_factory) -> Path:
    scene = altered(room, tmp_path_factory.mktemp("odd") / "scene", in_other_words)
    Image.new("L", (24, 18), 255).save(scene / "mask.png")
    return scene


def test_a_method_of_others_sees_the_scene_as_ours_do_and_config_yml_keeps_its_parser(odd_scene, tmp_path, capsys):
    config = short_config(with_s3im("toy"), odd_scene, tmp_path, 1)
    before = yaml.dump(config.pipeline.datamanager.dataparser)
    manager = config.pipeline.setup(device="cpu").datamanager
    assert (manager.train_dataset.cameras.distortion_params[:, 0] == 0.05).all()
    assert len(manager.train_dataparser_outputs.mask_filenames) == len(manager.train_dataset)
    # Far from the origin, float32 would lose where the cameras stand.
    assert manager.train_dataparser_outputs.dataparser_transform.dtype == torch.float64
    assert len(manager.train_dataparser_outputs.metadata["depth_filenames"]) == len(manager.train_dataset)
    said = "".join(capsys.readouterr())
    assert said.count("`k` is read as `k1`") == 1 and "`mask_filename` is read as `mask_path`" in said
    kept = config.pipeline.datamanager.dataparser
    assert kept.data == odd_scene
    kept.data = NerfstudioDataParserConfig().data
    assert yaml.dump(kept) == before


def test_a_trained_run_is_rendered_with_the_same_views(odd_scene, tmp_path, capsys):
    config = short_config(with_s3im("toy"), odd_scene, tmp_path, 1)
    config.pipeline.setup(device="cpu", test_mode="inference")
    # As ns-render dataset does.
    manager = config.pipeline.datamanager.setup(test_mode="test", device="cpu")
    assert (manager.train_dataset.cameras.distortion_params[:, 0] == 0.05).all()
    assert "is read as" not in "".join(capsys.readouterr())


def test_a_checked_parser_reaches_the_processes_that_draw_pixels(odd_scene, tmp_path):
    config = short_config(with_s3im("toy"), odd_scene, tmp_path, 1)
    with targets._scene_is_checked(config.pipeline.datamanager):
        parser = pickle.loads(pickle.dumps(config.pipeline.datamanager.dataparser))
    parser.data = odd_scene
    assert (parser.setup().get_dataparser_outputs("train").cameras.distortion_params[:, 0] == 0.05).all()


def test_a_scene_without_oddities_is_read_as_nerfstudio_reads_it(room, tmp_path):
    config = short_config(with_s3im("toy"), room, tmp_path, 1)
    config.pipeline.datamanager.dataparser.data = room
    stock = config.pipeline.datamanager.dataparser.setup().get_dataparser_outputs("train")
    with targets._scene_is_checked(config.pipeline.datamanager):
        ours = config.pipeline.datamanager.dataparser.setup().get_dataparser_outputs("train")
    assert ours.image_filenames == stock.image_filenames and ours.mask_filenames == stock.mask_filenames
    assert {key: ours.metadata[key] for key in stock.metadata} == stock.metadata
    for field in ("camera_to_worlds", "fx", "fy", "cx", "cy", "width", "height", "distortion_params", "camera_type"):
        assert torch.equal(getattr(ours.cameras, field), getattr(stock.cameras, field)), field
    assert torch.equal(ours.dataparser_transform, stock.dataparser_transform)
    assert ours.dataparser_scale == stock.dataparser_scale


def test_depth_maps_by_another_name_reach_nerfstudios_data_set(odd_scene, tmp_path):
    config = short_config(with_s3im("depth-nerfacto", ["nerfstudio-data"]), odd_scene, tmp_path, 1)
    config.pipeline.datamanager.dataparser.data = odd_scene
    with targets._scene_is_checked(config.pipeline.datamanager):
        dataset = config.pipeline.datamanager.setup(device="cpu").train_dataset
    assert type(dataset) is DepthDataset and dataset[0]["depth_image"].median() > 0.01


def test_depth_maps_of_some_images_by_another_name_stop_no_method(room, tmp_path):
    def rename(meta: dict) -> None:
        for place, frame in enumerate(meta["frames"]):
            path = frame.pop("depth_file_path")
            if place < 3:
                frame["depth_filename"] = path

    parser = NerfstudioDataParserConfig(data=altered(room, tmp_path / "scene", rename))
    outputs = checked_parser(parser, with_depth=True).setup().get_dataparser_outputs("train")
    assert outputs.image_filenames and not outputs.metadata.get("depth_filenames")


def test_depth_that_was_guessed_before_is_read_again(tmp_path, monkeypatch):
    built = []
    monkeypatch.setattr(DepthDataset, "__init__", lambda self, outputs: built.append(outputs))
    outputs: Any = SimpleNamespace(metadata={}, image_filenames=[tmp_path / "0.png"])
    with targets._depth_is_given():
        with pytest.raises(InputError, match="depth maps"):
            DepthDataset(outputs)
        (tmp_path / "depths.npy").touch()
        DepthDataset(outputs)
    assert built == [outputs]


def test_a_unit_in_the_file_counts_for_nerfstudios_data_set(room, tmp_path):
    scene = altered(room, tmp_path / "scene", lambda meta: meta.update(depth_unit="1/5000 m"))
    parser = checked_parser(NerfstudioDataParserConfig(data=scene), with_depth=True).setup()
    assert parser.get_dataparser_outputs("train").metadata["depth_unit_scale_factor"] == 1 / 5000


def test_depth_is_never_guessed_by_a_network_that_is_downloaded(room, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "load", lambda *_, **__: pytest.fail("something is downloaded"))
    scene = altered(room, tmp_path / "scene", lambda meta: [frame.pop("depth_file_path") for frame in meta["frames"]])
    config = short_config(with_s3im("depth-nerfacto", ["nerfstudio-data"]), scene, tmp_path, 1)
    with pytest.raises(InputError, match="needs depth maps, but the scene has none"):
        config.pipeline.setup(device="cpu")
    assert not losses.FORCE_PSEUDODEPTH_LOSS


def test_a_scene_without_segmentations_is_refused_in_a_sentence(room, tmp_path):
    config = short_config(with_s3im("semantic-nerfw", ["nerfstudio-data"]), room, tmp_path, 1)
    with pytest.raises(InputError, match="learns from segmentations of the images too, and the scene has none"):
        config.pipeline.setup(device="cpu")


def test_other_assertions_pass(monkeypatch):
    def fail(self: Any, *_: Any, **__: Any) -> None:
        raise AssertionError("its own")

    monkeypatch.setattr(S3IMPipeline, "__init__", fail)
    with pytest.raises(AssertionError, match="its own"):
        with_s3im("toy").pipeline.setup(device="cpu")


def test_real_patches_by_our_sampler(room, tmp_path):
    flags = ["--pipeline.datamanager.pixel-sampler.patch-share", "1", "--pipeline.model.s3im.mode", "patch"]
    config = short_config(with_s3im("toy", flags), room, tmp_path, 2)
    pipeline = config.pipeline.setup(device="cpu")
    _, pixels = pipeline.datamanager.next_train(0)
    assert pixels["num_patches"] == 1 and pixels["patch_size"] == 8
    train(config)


def test_dnerf_can_be_built_from_its_configuration_twice():
    config = wrapped("dnerf")
    before = yaml.dump(config)
    build(config)
    assert yaml.dump(config) == before
    assert build(config).temporal_distortion is not None
