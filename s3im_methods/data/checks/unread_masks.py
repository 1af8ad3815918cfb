"""A folder of masks beside the images that nothing names, as other tools read it without being told."""

from pathlib import Path

from nerfstudio.data.dataparsers.base_dataparser import DataParser, DataparserOutputs
from nerfstudio.data.dataparsers.colmap_dataparser import ColmapDataParser
from nerfstudio.data.dataparsers.instant_ngp_dataparser import InstantNGP
from nerfstudio.data.dataparsers.nerfstudio_dataparser import Nerfstudio

from s3im_methods.data.wording import command_line, quote


def unread_masks(outputs: DataparserOutputs, parser: DataParser, source: Path) -> list[str]:
    """A sentence where a scene without masks has a folder with masks of its images.

    Args:
        outputs: The views of a split.
        parser: What read them; only of some is known how to name masks to them.
        source: The scene, for the sentence.
    """
    if outputs.mask_filenames or not isinstance(parser, ColmapDataParser | InstantNGP | Nerfstudio):
        return []
    root = source if source.is_dir() else source.parent
    images = {name: image for image in map(Path, outputs.image_filenames) for name in (image.stem, image.name)}
    for folder in (root / "masks", root / "mask"):
        found = next((file for file in sorted(folder.rglob("*")) if file.stem in images and file.is_file()), None)
        if found is None:
            continue
        remedy = f"run `{command_line(['s3im', 'attach', source, '--masks', folder])}`"
        if isinstance(parser, ColmapDataParser):
            remedy = f"add `colmap --masks-path {folder.name}` at the end of the command"
            if found.stem == images[found.stem].name:
                # COLMAP's own names, after which nerfstudio does not look.
                name = quote(Path(found.stem).with_suffix(".png"))
                remedy = f"rename them like their images ({name} instead of {quote(found.name)}), and {remedy}"
        return [f"The masks in {quote(folder)} are not used: to use them, {remedy}."]
    return []
