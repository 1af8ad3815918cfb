"""What the parser of nerfstudio-data says of the COLMAP models beside the file that it reads."""

import pytest

from s3im_methods.data.checked_parser import read_splits


@pytest.fixture
def said(scene):
    """The lines about a scene of six frames, beside which lie models of so many images."""

    def said(*counts: int) -> list[str]:
        for number, count in enumerate(counts):
            folder = scene.path(f"colmap/sparse/{number}/cameras.txt").parent
            (folder / "cameras.txt").touch()
            (folder / "images.txt").write_text("".join(f"{k} 1 0 0 0 0 0 0 1 {k}.png\n\n" for k in range(count)))
        lines: list[str] = []
        read_splits(scene.config(), say=lines.append)
        return lines

    return said


def test_a_larger_model_is_named_with_the_command_that_takes_it(scene, said):
    s = scene.folder
    assert said(6, 4, 12) == [
        f"'{s}/transforms.json' has poses of 6 images, but the COLMAP model in '{s}/colmap/sparse/2' has 12: to train "
        f"on that model, rewrite '{s}/transforms.json' with `ns-process-data images --data {s}/images --output-dir {s} "
        "--skip-colmap --skip-image-processing --colmap-model-path colmap/sparse/2`."
    ]


@pytest.mark.parametrize(
    "counts", [(6,), (12, 8), (4, 6)], ids=["one model", "frames left out", "the larger one taken"]
)
def test_models_that_offer_no_more_are_silent(said, counts):
    assert said(*counts) == []
