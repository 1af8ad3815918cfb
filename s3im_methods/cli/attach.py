"""``s3im attach SCENE --masks FOLDER --depth FOLDER``: masks, depth and confidence maps become part of a scene."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import tyro


@dataclass(frozen=True)
class AttachCommand:
    """Add masks, depth maps or their confidence to a scene of ns-process-data.

    The file of images/frame_00001.jpg is frame_00001 with any ending; frame_00001.jpg.png and frame_00001_mask.png
    will do too. They are copied into the scene, also for its downscaled photos, and transforms.json lists them.
    """

    example: ClassVar[str] = "s3im attach my-scene --masks my-masks"

    scene: tyro.conf.Positional[Path]
    """Folder with transforms.json, or such a file."""
    masks: Path | None = None
    """Folder of masks: pictures of the photos' size, white on the object; or cut-out photos, whose alpha is taken."""
    invert: bool = False
    """The given masks are black on the object: exchange black and white."""
    depth: Path | None = None
    """Folder of depth maps: .png, .tiff, .exr or .pfm pictures, or .npy or .npz arrays, of any size and the photos'
    aspect."""
    confidence: Path | None = None
    """Folder of the depth maps' confidence, such as ARKit's with 0, 1 and 2: .png or .tiff pictures, or .npy arrays."""
    record3d: Path | None = None
    """Take the depth maps of this export of Record3D, from which ns-process-data record3d made the scene."""
    replace: bool = False
    """List the new files in place of those that the scene lists already."""

    def run(self) -> None:
        """Write the files, then the scene's JSON file."""
        from s3im_methods.data.attach import (
            SceneFile,
            attach_confidence,
            attach_depth,
            attach_masks,
            check_maps,
            check_masks,
        )
        from s3im_methods.data.files_of_photos import files_by_name, record3d_depth
        from s3im_methods.errors import InputError
        from s3im_methods.remedies import of_transforms_only, remedies_in

        if self.masks is None and self.depth is None and self.confidence is None and self.record3d is None:
            raise InputError(
                "Give --masks FOLDER, --depth FOLDER, --confidence FOLDER or --record3d EXPORT: there is nothing to "
                "attach yet."
            )
        if self.depth is not None and self.record3d is not None:
            raise InputError("Give --depth or --record3d, not both: a photo has one depth map.")
        if self.invert and self.masks is None:
            raise InputError("--invert has no effect without --masks: leave it out.")
        with remedies_in(lambda message: of_transforms_only(message, self.scene)):
            scene = SceneFile(self.scene)
        masks = depths = confidences = None
        # All is looked for before anything is written.
        if self.masks is not None:
            masks = files_by_name(scene, self.masks, "mask", "--masks")
            scene.check_free("masks", masks, self.replace)
        if self.depth is not None:
            depths = files_by_name(scene, self.depth, "depth", "--depth")
        elif self.record3d is not None:
            depths = record3d_depth(scene, self.record3d)
        if depths is not None:
            scene.check_free("depths", depths, self.replace)
        if self.confidence is not None:
            if depths is None and not scene.has_depth():
                raise InputError(
                    f"--confidence has no effect, because {scene.path} lists no depth: give --depth or --record3d too."
                )
            confidences = files_by_name(scene, self.confidence, "confidence", "--confidence")
            scene.check_free("confidences", confidences, self.replace)
        if masks is not None:
            check_masks(scene, masks, self.invert)
        check_maps("depth map", depths or [])
        check_maps("confidence map", confidences or [])
        if masks is not None:
            share = attach_masks(scene, masks, self.invert)
            print(f"{len(masks)} masks, white on {share:.0%} of the photos: {scene.folders('masks')}")
        if depths is not None:
            attach_depth(scene, depths)
            print(f"{len(depths)} depth maps: {scene.folders('depths')}")
        if confidences is not None:
            attach_confidence(scene, confidences)
            print(f"{len(confidences)} confidence maps: {scene.folders('confidences')}")
        from s3im_methods.data.wording import command_line

        check = command_line(["s3im", "check", self.scene, "--picture", "check.png"])
        print(f"{scene.path} lists them. Next: {check}")
