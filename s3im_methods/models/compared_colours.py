"""Which colours a model compares with the images: they are noted while it computes its own losses.

To ask the model's renderer for them a second time would draw a random background a second time, and a model need not
compare what its renderer blends.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.nn.modules.loss import _Loss

_COLOURS = ("rgb", "rgb_fine")
"""Outputs that hold the final colours, by the names that nerfstudio's models give them."""


class ComparedColours(NamedTuple):
    """One comparison.

    Attributes:
        predicted: Rendered colours, ``[..., 3]``, the very tensor that the model's loss was computed from.
        target: The images' colours, of the same shape.
    """

    predicted: Tensor
    target: Tensor


class ColourNotes:
    """What :func:`noted_colours` notes, the latest at the end of each list.

    Attributes:
        of_colour_loss: What the model's ``rgb_loss`` compared.
        of_renderer: What its ``renderer_rgb`` blended for a loss.
        of_other_losses: What its other loss modules compared.
    """

    def __init__(self) -> None:
        self.of_colour_loss: list[ComparedColours] = []
        self.of_renderer: list[ComparedColours] = []
        self.of_other_losses: list[ComparedColours] = []

    def final(self, model: Any, outputs: Mapping[str, Any], batch: Mapping[str, Any]) -> ComparedColours | None:
        """The final colours; of a coarse and a fine pair the fine one, which comes last or is an output's own.

        Args:
            model: The model.
            outputs: Its outputs.
            batch: The images' colours, under ``image``.

        Returns:
            The first that there is of: what ``rgb_loss`` compared, what the renderer blended, the output ``rgb`` or
            ``rgb_fine`` and the image, what another loss module compared with the image; else None.
        """
        colours = [outputs[name] for name in _COLOURS if isinstance(outputs.get(name), Tensor)]
        for pairs in (self.of_colour_loss, self.of_renderer):
            if pairs:
                own = [pair for pair in pairs if any(pair.predicted is output for output in colours)]
                return (own or pairs)[-1]
        image = batch.get("image")
        if not isinstance(image, Tensor):
            return None
        blend = getattr(getattr(model, "renderer_rgb", None), "blend_background", None)
        for predicted in colours:
            image = image.to(predicted.device)
            pair = _pair(predicted, image[..., :3] if blend is None else blend(image))
            if pair is not None:
                return pair
        image = image[..., :3]
        like_image = [pair for pair in self.of_other_losses if pair.target.shape == image.shape]
        if len(like_image) > 1:
            # Normals have the shape of colours. To look at values makes a GPU wait, so it is the last resort.
            like_image = [pair for pair in like_image if pair.target.equal(image.to(pair.target))]
        return like_image[-1] if like_image else None


@contextmanager
def noted_colours(model: Any) -> Iterator[ColourNotes]:
    """While it is open, note what a model compares; nothing that it computes changes."""
    notes = ColourNotes()
    with ExitStack() as stack:
        for name, module in model.named_children():
            if name == "rgb_loss":
                stack.callback(_watch(module, notes.of_colour_loss))
            elif isinstance(module, _Loss):
                stack.callback(_watch(module, notes.of_other_losses))
        renderer = getattr(model, "renderer_rgb", None)
        blend = getattr(renderer, "blend_background_for_loss_computation", None)
        if blend is not None:

            def blend_and_note(*args: Any, **kwargs: Any) -> Any:
                blended = blend(*args, **kwargs)
                _note(blended, notes.of_renderer)
                return blended

            renderer.blend_background_for_loss_computation = blend_and_note  # type: ignore[union-attr]
            stack.callback(delattr, renderer, "blend_background_for_loss_computation")
        yield notes


def _watch(module: nn.Module, pairs: list[ComparedColours]) -> Any:
    def note(_: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        _note((*args, *kwargs.values()), pairs)

    return module.register_forward_pre_hook(note, with_kwargs=True).remove


def _note(values: Any, pairs: list[ComparedColours]) -> None:
    tensors = [value for value in values if isinstance(value, Tensor)]
    if len(tensors) == 2:
        # Models hand over the target first or last.
        pair = _pair(*sorted(tensors, key=lambda tensor: not tensor.requires_grad))
        if pair is not None:
            pairs.append(pair)


def _pair(predicted: Tensor, target: Tensor) -> ComparedColours | None:
    fits = predicted.shape == target.shape and predicted.ndim >= 2 and predicted.shape[-1] == 3
    if not fits or target.requires_grad or not predicted.requires_grad:
        return None
    return ComparedColours(predicted, target)
