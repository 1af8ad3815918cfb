"""What a file is that training cannot read, by its name and first bytes, and what to do about it."""

from pathlib import Path

PHOTOS = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"}
HEIC = {".heic", ".heif"}
RAW = {".dng", ".nef", ".arw", ".cr2", ".cr3", ".raf", ".orf", ".rw2", ".pef", ".srw"}
VIDEOS = {".mp4", ".mov", ".avi", ".mkv", ".m4v", ".webm"}
ARCHIVES = {".zip", ".tar", ".gz", ".tgz", ".7z", ".rar", ".r3d"}

_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")


def kind_of(path: Path) -> str | None:
    """What a file is, and what to do about it, in a few words that follow "it is".

    Args:
        path: A file that Pillow does not read.

    Returns:
        None where that is not known, or the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except OSError:
        return None
    suffix, is_boxed = path.suffix.lower(), start[4:8] == b"ftyp"
    if start.startswith(b"version https://git-lfs"):
        return "a pointer of Git LFS, in place of the file: get it with `git lfs pull`"
    if start[:4] == b"\0\5\x16\7":
        return "what macOS keeps beside a file on other disks: take the file without ._ in its name"
    if start.lstrip()[:5].lower() in (b"<!doc", b"<html"):
        return "a web page, as a failed download leaves it: download the file again"
    if (is_boxed and start[8:12] in _HEIC_BRANDS) or suffix in HEIC:
        return "a HEIC photo: convert it to JPEG"
    if suffix in RAW or (is_boxed and start[8:12] == b"crx "):
        return "a raw photo: develop it to JPEG or PNG"
    if is_boxed or suffix in VIDEOS:
        return "a video"
    if start[:4] == b"PK\3\4" or suffix in ARCHIVES:
        return "an archive: unpack it"
    return None


def is_hidden(name: str) -> bool:
    """Whether a file is one of those that systems leave in folders of photos.

    Example:
        >>> [name for name in ("._IMG_1.jpg", ".DS_Store", "Thumbs.db", "a.jpg") if not is_hidden(name)]
        ['a.jpg']
    """
    return name.startswith(".") or name.lower() in ("thumbs.db", "desktop.ini")
