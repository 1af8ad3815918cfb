"""What Ref-NeRF's colours make of a glossy object: figures and a picture.

    python docs/pictures/reflections.py PICTURE MATTE CONFIG [CONFIG ...]

CONFIG are runs on one scene of ``s3im scene object GLOSSY --glossy``; MATTE is the folder of the same scene without
``--glossy``. Prints of each run PSNR of its held-out views, of the object's pixels, and of those whose colour the
varnish changes, and the mean angle in degrees to the exact normals: of the density's, as the run shows them, and of
predicted ones. The picture has the first run of each setting.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from surface_methods import VIEW, draw
from torch import Tensor

from s3im_methods.cli.load_run import load_run

# How much the varnish changes a colour, in the channel that it changes most, of a glossy pixel.
GLOSSY = 0.1


def angles(found: Tensor, exact: Tensor) -> Tensor:
    """Angle in degrees between normals ``[N, 3]`` and unit ones, ``[N]``; normals of length 0 count as 90."""
    cosines = (torch.nn.functional.normalize(found, dim=-1) * exact).sum(dim=-1)
    return torch.rad2deg(torch.acos(cosines.clamp(-1, 1)))


def psnr(squares: list[Tensor]) -> float:
    """PSNR of pixels whose squared errors are given view by view."""
    return float(-10 * torch.log10(torch.cat(squares).mean()))


class Run:
    """A run's held-out views, rendered, and what they are compared with.

    Args:
        config: Its config.yml.
        matte: The folder of the scene without varnish.
    """

    def __init__(self, config: Path, matte: Path) -> None:
        self.settings, self.pipeline, _ = load_run(config, test_mode="test")
        self.reflection: str = self.settings.pipeline.model.reflection
        self.matte = matte
        self.data: Any = self.pipeline.datamanager.eval_dataset
        # From the files' world to the run's, which is turned.
        self.turn = self.data._dataparser_outputs.dataparser_transform[:, :3]
        with torch.no_grad():
            self.views = [self.look_at(view) for view in range(len(self.data))]

    def look_at(self, view: int) -> dict[str, Tensor]:
        """Pictures ``[H, W, 3]``, ``glossy`` and ``object`` ``[H, W]``, of a held-out view."""
        model, image = self.pipeline.model, self.data.get_image_float32(view)
        name = Path(self.data.image_filenames[view])
        camera = self.data.cameras[view : view + 1]
        found = model.get_outputs_for_camera(camera)
        normals = found["normals"] * 2 - 1
        exact = torch.from_numpy(np.load(name.parent.parent / "normals" / f"{name.stem}.npy")) @ self.turn.T
        plain = torch.from_numpy(np.array(Image.open(self.matte / "images" / name.name))) / 255
        solid = (image[..., 3] > 0.99) & (exact.norm(dim=-1) > 0)
        return {
            "truth": model.renderer_rgb.blend_background(image),
            "rgb": found["rgb"],
            "normals": normals,
            "pred_normals": found["pred_normals"] * 2 - 1 if "pred_normals" in found else normals,
            "exact": exact,
            "object": solid,
            "glossy": solid & ((image - plain)[..., :3].abs().amax(dim=-1) > GLOSSY),
        }

    def figures(self) -> str:
        """A row of figures of all held-out views."""
        errors: dict[str, list[Tensor]] = {n: [] for n in ("whole", "object", "glossy", "normals", "pred_normals")}
        for view in self.views:
            squares, solid = (view["rgb"] - view["truth"]).square(), view["object"]
            errors["whole"].append(squares.flatten())
            for name in ("object", "glossy"):
                errors[name].append(squares[view[name]].flatten())
            for name in ("normals", "pred_normals"):
                errors[name].append(angles(view[name][solid], view["exact"][solid]))
        share = torch.cat([view["glossy"][view["object"]] for view in self.views]).float().mean()
        degrees = [f"{float(torch.cat(errors[name]).mean()):.1f}" for name in ("normals", "pred_normals")]
        cells = [
            self.reflection,
            str(self.settings.machine.seed),
            *(f"{psnr(errors[n]):.2f}" for n in ("whole", "object", "glossy")),
        ]
        return " | ".join([*cells, degrees[0], degrees[1] if self.reflection != "none" else "", f"{share:.0%} glossy"])


def as_colours(normals: Tensor, solid: Tensor) -> np.ndarray:
    """Normals as colours, white off the object."""
    colours = torch.where(solid[..., None], (torch.nn.functional.normalize(normals, dim=-1) + 1) / 2, 1.0)
    return (255 * colours.clamp(0, 1)).byte().numpy()


if __name__ == "__main__":
    picture, matte, *configs = map(Path, sys.argv[1:])
    print("reflection | seed | views, dB | object, dB | glossy pixels, dB | normals | predicted normals")
    shown: dict[str, dict[str, Tensor]] = {}
    for config in configs:
        run = Run(config, matte)
        print(run.figures(), flush=True)
        shown.setdefault(run.reflection, run.views[VIEW])
    first = next(iter(shown.values()))
    tiles = {"truth": first["truth"]} | {name: view["rgb"] for name, view in shown.items()}
    pictures = {name: (255 * tile.clamp(0, 1)).byte().numpy() for name, tile in tiles.items()}
    pictures["exact normals"] = as_colours(first["exact"], first["object"])
    for name, view in shown.items():
        pictures[f"normals, {name}"] = as_colours(view["pred_normals"], view["object"])
    draw(pictures).save(picture, quality=88)
