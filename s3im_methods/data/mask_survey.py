"""What the masks of a scene leave to train on, said or refused before training."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from s3im_methods.data.masks import SMALL_SHARE, MaskFacts, load_mask
from s3im_methods.data.wording import are, quote, some, which
from s3im_methods.errors import InputError

# Of a border's pixels, and of all masks: few objects fill the frame in almost every view.
_FRAMED = 0.9


@dataclass(frozen=True)
class MaskSurvey:
    """All masks of a scene, looked at once.

    Args:
        facts: Of each file; one or more.
    """

    facts: dict[Path, MaskFacts]

    def check(self, training: Sequence[Path]) -> None:
        """Refuse masks that leave nothing to learn from.

        Args:
            training: The masks of the training views; one or more.

        Raises:
            InputError: If none of them has a pixel that is on.
        """
        found = {path: self.facts[path] for path in training}
        if any(of.share for of in found.values()):
            return
        count, first = len(found), next(iter(found))
        brightest = max(of.brightest for of in found.values())
        raise InputError(
            f"{some(count, count, 'mask')} of the training images {are(count)} dark throughout, {which(count)} "
            f"{quote(first)}, so no pixel is left to learn from: the brightest pixel has {brightest:.1%} of white, and "
            "pixels count as white from half brightness on."
        )

    def line(self, role: str) -> str:
        """How much is on.

        Args:
            role: What a pixel is that is on, for instance "foreground".
        """
        shares = [of.share for of in self.facts.values()]
        mean, least, most = sum(shares) / len(shares), min(shares), max(shares)
        each = "" if least == most else f", from {least:.1%} to {most:.1%} in one"
        count = f"{len(shares)} image{'' if len(shares) == 1 else 's'}"
        return f"Masks of {count}: {mean:.1%} of the pixels are white, so {role}{each}."

    def warnings(self) -> list[str]:
        """A sentence for each thing that may not be meant."""
        found = []
        if min(of.share for of in self.facts.values()) == 1.0:
            found.append(
                f"None of the {len(self.facts)} masks has a black pixel, so they change nothing: save them with "
                "black where pixels are to be left out, or take them out of the scene."
            )
        found += self._warning(
            [path for path, of in self.facts.items() if of.share == 0.0],
            "black throughout",
            "nothing of such an image counts as foreground",
        )
        found += self._warning(
            [path for path, of in self.facts.items() if of.grey > SMALL_SHARE],
            f"grey in more than {SMALL_SHARE:.0%} of the pixels",
            "pixels count as white from half brightness on, so save the masks in black and white if you mean something "
            "else",
        )
        found += self._warning(
            [path for path, of in self.facts.items() if of.by == "numbers"],
            "made of two values that a viewer shows as black",
            "the larger value counts as white",
        )
        found += self._warning(
            [path for path, of in self.facts.items() if of.by == "opacity"],
            "partly transparent",
            "opaque pixels count as white, whatever their colour",
        )
        return found

    def exchanged(self) -> list[str]:
        """A sentence where what should be the foreground looks like the background."""
        drawn = {path: of for path, of in self.facts.items() if 0.0 < of.share < 1.0}
        framed = [path for path, of in drawn.items() if of.border >= _FRAMED]
        if len(framed) < _FRAMED * len(drawn):
            return []
        return self._warning(
            framed,
            "white along the border and black inside",
            "white counts as the foreground, so exchange black and white if these are masks of the background",
        )

    def _warning(self, bad: list[Path], what: str, rest: str) -> list[str]:
        if not bad:
            return []
        count = some(len(bad), len(self.facts), "mask")
        return [f"{count} {are(len(bad))} {what}, {which(len(bad))} {quote(bad[0])}: {rest}."]


def survey_masks(paths: Sequence[Path]) -> MaskSurvey:
    """Read masks, one at a time.

    Args:
        paths: One or more files; one that is listed twice is read once.

    Raises:
        InputError: If one cannot be read.
    """
    return MaskSurvey({path: load_mask(path)[1] for path in dict.fromkeys(paths)})
