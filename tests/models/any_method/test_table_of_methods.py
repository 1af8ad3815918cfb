"""The page's table is what the methods do on this machine."""

from pathlib import Path

import pytest
import torch
from nerfstudio.utils import external
from table_of_methods import NOT_MEASURED, effects, installed, markdown

PAGE = Path(__file__).parents[3] / "docs" / "any-method.md"


RESULTS = """scene,method,loss,minus,psnr,psnr_std,psnr_n,ssim,ssim_std,ssim_n
room,nerfacto+s3im,none,,20.0,0.1,4,0.5,0.01,4
room,nerfacto+s3im,keep,,19.75,0.1,4,0.5125,0.01,4
room,nerfacto+s3im,keep,none,-0.25,0.2,4,0.0125,0.002,4
"""


def listed() -> list[str]:
    """The page's rows of methods that nerfstudio brings."""
    return [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]


@pytest.mark.skipif(external.TCNN_EXISTS or torch.cuda.is_available(), reason="the table is of CPUs without tinycudann")
def test_the_page_has_the_table():
    measured = [line.split("|")[-2].strip() for line in listed()]
    names = installed()
    assert markdown(names, dict(zip(names, measured, strict=True))) == listed()


def test_effects_are_differences_with_their_standard_errors(tmp_path):
    for scene in ("room", "fox"):
        (tmp_path / f"{scene}.csv").write_text(RESULTS.replace("room", scene))
    text = "-0.25 ± 0.10 / +0.013 ± 0.001"
    assert effects([tmp_path / "room.csv", tmp_path / "fox.csv"]) == {"nerfacto": f"room {text}, fox {text}"}
    assert markdown(["splatfacto"], {})[0].endswith(f"| no: renders whole images | {NOT_MEASURED} |")
