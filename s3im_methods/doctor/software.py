"""Checks of what is installed: Python, versions, plugins, LPIPS's weights."""

import importlib.util
import platform
import sys
from importlib import metadata

from s3im_methods.doctor.findings import Finding, Settings, reason

_PACKAGE = "s3im-methods"
_NERFSTUDIOS_CHOICE = ("viser", "tyro", "gsplat", "nerfacc")
_PLUGINS = {
    "nerfstudio.method_configs": ("nerfstudio.plugins.types", "MethodSpecification"),
    "nerfstudio.dataparser_configs": ("nerfstudio.plugins.registry_dataparser", "DataParserSpecification"),
}


def look_at_python(settings: Settings) -> Finding:
    """Whether this Python is one that the package supports."""
    from packaging.specifiers import SpecifierSet

    found, wanted = platform.python_version(), metadata.metadata(_PACKAGE)["Requires-Python"] or ""
    if not SpecifierSet(wanted).contains(found, prereleases=True):
        return Finding("broken", f"{found}; the package needs {wanted}", "Make an environment with Python 3.11.")
    return Finding("ok", f"{found} in {sys.prefix}")


def look_at_packages(settings: Settings) -> Finding:
    """Whether the packages that ours needs are there, in versions that it was tested with."""
    unmet = unmet_requirements(_PACKAGE)
    if unmet:
        wanted = " ".join(f"'{requirement}'" for requirement in unmet)
        return Finding("broken", "; ".join(unmet.values()), f"pip install {wanted}")
    unmet = unmet_requirements("nerfstudio", _NERFSTUDIOS_CHOICE)
    if unmet:
        wanted = " ".join(f"'{requirement}'" for requirement in unmet)
        return Finding("warning", f"nerfstudio asks for others: {'; '.join(unmet.values())}", f"pip install {wanted}")
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("nerfstudio", "viser", "tyro", "numpy"))
    return Finding("ok", f"s3im-methods {metadata.version(_PACKAGE)}, {versions}")


def unmet_requirements(package: str, only: tuple[str, ...] | None = None) -> dict[str, str]:
    """Requirements of an installed package that are not met here.

    Args:
        package: Its name.
        only: Requirements to look at, by name; all if None. Extras are left out.

    Returns:
        What is found instead, by requirement.
    """
    from packaging.requirements import Requirement

    unmet = {}
    for line in metadata.requires(package) or []:
        wanted = Requirement(line)
        if (only and wanted.name not in only) or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
            continue
        try:
            found = metadata.version(wanted.name)
        except metadata.PackageNotFoundError:
            unmet[f"{wanted.name}{wanted.specifier}"] = f"{wanted.name} is not installed"
            continue
        if not wanted.specifier.contains(found, prereleases=True):
            unmet[f"{wanted.name}{wanted.specifier}"] = f"{wanted.name} {found} is not {wanted.specifier}"
    return unmet


def look_at_plugins(settings: Settings) -> Finding:
    """Whether every plugin of nerfstudio can be imported; one that cannot breaks every ns-* command."""
    broken, odd, names = {}, [], []
    for group, (module, kind) in _PLUGINS.items():
        expected = getattr(importlib.import_module(module), kind)
        for point in metadata.entry_points(group=group):
            names.append(point.name)
            try:
                found = point.load()
            except (Exception, SystemExit) as error:
                package = point.dist.name if point.dist else point.module.partition(".")[0]
                broken[package] = f"{point.name} of {package} ({reason(error)})"
                continue
            if not isinstance(found, expected):
                odd.append(f"{point.name} is no {kind}")
    if broken:
        others = [package for package in broken if package != _PACKAGE]
        instead = f", or pip uninstall {' '.join(others)}" if others else ""
        remedy = f"No ns-* command works with it: install it again{instead}"
        return Finding("broken", f"cannot be imported: {'; '.join(broken.values())}", remedy)
    if odd:
        return Finding("warning", f"nerfstudio leaves out: {'; '.join(odd)}", "Ask the plugin's authors.")
    ours = sum(name.startswith("s3im-") for name in names)
    return Finding("ok", f"methods of this package: {ours}, other plugins: {len(names) - ours}")


def look_at_tinycudann(settings: Settings) -> Finding:
    """Whether tinycudann, which is optional, can be imported where it is installed."""
    if importlib.util.find_spec("tinycudann") is None:
        return Finding("ok", "not installed, and not needed: the hash grids have kernels of their own")
    try:
        importlib.import_module("tinycudann")
    # It raises an OSError where there is no GPU.
    except Exception as error:
        remedy = "The package's own kernels are used. Install it again for this torch and GPU, or uninstall it."
        return Finding("warning", f"installed, and cannot be imported ({reason(error)})", remedy)
    return Finding("ok", "importable")


def look_at_lpips(settings: Settings) -> Finding:
    """Whether LPIPS can be computed without a download."""
    from s3im_methods.compat.lpips import weights_path

    weights = weights_path("alex")
    if weights.is_file():
        return Finding("ok", str(weights))
    remedy = (
        "With a network: python -c 'from torchvision.models import AlexNet_Weights as weights; "
        "weights.DEFAULT.get_state_dict(progress=True)'"
    )
    return Finding("missing", f"no {weights.name} in {weights.parent}: LPIPS is not measured", remedy)
