"""What an opacity rule is: from signed distances along a ray to the opacity of its bins.

A surface method has one rule, with what it learns. NeuS's is :mod:`s3im_methods.fields.logistic_opacity`; a method with
another one gives it to its field by :meth:`~s3im_methods.fields.sdf_field.S3IMSDFField.use_opacity`.
"""

from abc import abstractmethod

from nerfstudio.cameras.rays import RaySamples
from torch import Tensor, nn

from s3im_methods.fields.unit_space import UnitSpace


class OpacityRule(nn.Module):
    """Turns signed distances into opacities; what it learns is in units of the unit sphere.

    Attributes:
        space: Where the unit sphere lies in the scene.
        progress: How far the rule's schedule has come, from 0 to 1; the field keeps it in the checkpoint, so that a run
            that was stopped early is rendered as it was trained.
        pointwise: Whether the opacity of a bin follows from the signed distance in its middle alone, whatever the bin's
            length and the gradient are.
    """

    space: UnitSpace
    progress: float = 1.0
    pointwise: bool = False

    @abstractmethod
    def sharpness(self) -> Tensor:
        """One over the distance over which opacity changes, per scene unit, ``[1]``.

        Bins that are many times that distance away from the surface are clear or solid, and are not evaluated in full,
        see :mod:`s3im_methods.fields.surface_band`.
        """

    def outline(self) -> Tensor | float:
        """Signed distance, scene units, at which a ray that only touches an object is half opaque; 0 by default."""
        return 0.0

    @abstractmethod
    def alphas(self, sdf: Tensor, gradients: Tensor, samples: RaySamples) -> Tensor:
        """Opacity of each bin, ``[R, S, 1]``, from 0 to 1.

        Args:
            sdf: Signed distances where the bins are evaluated, ``[R, S, 1]``, scene units, negative inside.
            gradients: Of the signed distance with respect to scene points, ``[R, S, 3]``; 0 in the first look at bins
                that may turn out to be far from the surface.
            samples: The bins ``[R, S]``, for their lengths and directions.
        """
