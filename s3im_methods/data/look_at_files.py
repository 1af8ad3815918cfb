"""What the files of a scene say that a user may not know, printed where training begins."""

from nerfstudio.utils.rich_utils import CONSOLE

from s3im_methods.data.checks.orientation import orientation_warnings
from s3im_methods.data.mask_survey import survey_masks
from s3im_methods.data.scene_images import SceneImages


def look_at_files(train: SceneImages, evaluation: SceneImages, ignores_masks: bool, is_loud: bool) -> None:
    """Look at the images' EXIF data, and at the masks.

    Args:
        train: The training views.
        evaluation: The views for evaluation.
        ignores_masks: Whether pixels are drawn off the masks too.
        is_loud: Whether to print, which one of several processes does.

    Raises:
        InputError: If the masks leave no pixel to learn from.
    """
    masks = [path for dataset in (train, evaluation) for path in dataset.listed_masks]
    info, warnings = [], []
    if masks and not (ignores_masks and train.paint is None and train.mask_role != "foreground"):
        survey = survey_masks(masks)
        survey.check(train.listed_masks)
        info, warnings = [survey.line(train.mask_role)], survey.warnings()
    if is_loud:
        warnings += orientation_warnings("image", [*train.image_filenames, *evaluation.image_filenames])
        warnings += orientation_warnings("mask", masks)
        for line in info:
            CONSOLE.print(line)
        for line in warnings + train.colour_warnings(ignores_masks):
            CONSOLE.print(f"[yellow]{line}")
