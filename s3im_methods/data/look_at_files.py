"""What the files of a scene say that a user may not know, for where training begins."""

from pathlib import Path

from s3im_methods.data.checks.orientation import orientation_warnings
from s3im_methods.data.cut_out import backward_warning, opacity_warnings
from s3im_methods.data.mask_survey import survey_masks
from s3im_methods.data.misread_colours import misread_colour_warnings
from s3im_methods.data.odd_images import odd_image_warnings
from s3im_methods.data.scene_images import SceneImages


def look_at_files(
    train: SceneImages, evaluation: SceneImages, ignores_masks: bool = False
) -> tuple[list[str], list[str]]:
    """Look at the images' resolution, colours, transparency, copies and EXIF data, and at the masks.

    Args:
        train: The training views.
        evaluation: The views for evaluation.
        ignores_masks: Whether pixels are drawn off the masks too.

    Returns:
        Lines that inform, and lines that warn.

    Raises:
        InputError: If masks, transparency or images of one colour leave nothing to learn from.
    """
    images = [Path(path) for dataset in (train, evaluation) for path in dataset.image_filenames]
    masks = [path for dataset in (train, evaluation) for path in dataset.listed_masks]
    info, warnings = [], train.colour_warnings(ignores_masks)
    warnings += odd_image_warnings(train, evaluation)
    warnings += misread_colour_warnings(list(dict.fromkeys(images)))
    warnings += opacity_warnings(train, evaluation)
    warnings += backward_warning(train, bool(train.listed_masks) and train.mask_role == "foreground")
    if masks and not (ignores_masks and train.paint is None and train.mask_role != "foreground"):
        survey = survey_masks(masks)
        survey.check(train.listed_masks)
        info.append(survey.line(train.mask_role))
        warnings += survey.warnings()
        warnings += survey.exchanged() if train.mask_role == "foreground" else []
    if train.scale_factor > 1:
        warnings.append(
            f"--pipeline.datamanager.camera-res-scale-factor {train.scale_factor:g} enlarges the images, which takes "
            "memory and adds no detail: give 1 or less."
        )
    warnings += orientation_warnings("image", images)
    warnings += orientation_warnings("mask", masks)
    return info, warnings
