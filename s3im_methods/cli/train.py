"""``s3im train``: nerfstudio's training of any method that renders rays, with S3IM."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import tyro

from s3im_methods.cli.start_up import imports_that_stay


@dataclass(frozen=True)
class TrainCommand:
    """Train any other method with S3IM, such as nerfacto, dnerf or a plugin.

    s3im train lists the methods, and s3im train METHOD --help lists the flags. All flags of ns-train METHOD come after
    the method. Flags of this package are there too: --pipeline.model.s3im.*, --pipeline.model.hash-grids, and
    patch-share and patch-size of --pipeline.datamanager.pixel-sampler. With --pipeline.model.s3im.loss-mult 0 each
    step's losses are the method's own. Methods of this package have S3IM already: they train as by ns-train.
    """

    example: ClassVar[str] = "s3im train nerfacto --data my-photos --pipeline.model.s3im.loss-mult 0.3"

    arguments: Annotated[
        tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="METHOD [FLAGS OF ns-train METHOD]")
    ] = ()
    """The method and its flags."""

    def run(self) -> None:
        """Train, or list the methods where none is given.

        Raises:
            InputError: If the method cannot be trained with S3IM.
        """
        if not self.arguments:
            print(_list_of_methods())
            return
        from s3im_methods.errors import InputError

        method, *flags = self.arguments
        if method.startswith("-"):
            raise InputError(f"'{method}' is given before the method: s3im train METHOD, then its flags.")
        with imports_that_stay():
            from s3im_methods.models.any_method.configs import with_s3im

            # First, because it names a plugin that cannot be imported.
            config = with_s3im(method, flags)
            from nerfstudio.scripts import train
        train.main(config)


def _list_of_methods() -> str:
    from s3im_methods.models.any_method.methods import SUFFIX, is_ours, known_methods, refusal

    lines = ["s3im train METHOD [flags of ns-train METHOD] [--pipeline.model.s3im.*]", ""]
    with imports_that_stay():
        methods = known_methods()
    installed = {name: config for name, config in methods.items() if hasattr(config, "pipeline")}
    for name, config in installed.items():
        if not name.endswith(SUFFIX):
            lines.append(f"{name:26} {'as by ns-train' if is_ours(config) else refusal(name) or 'with S3IM'}")
    lines += ["", "s3im train METHOD --help lists the flags of one of them."]
    return "\n".join(lines)
