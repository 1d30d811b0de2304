"""Find the pictures among files and folders, and say by kind what was passed over and what to do about it."""

from __future__ import annotations

import importlib.util
import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

#: The endings of files that are always read here (see `mdmd.data.images.FORMATS`).
SUFFIXES = (
    ".jpg",
    ".jpeg",
    ".jpe",
    ".jfif",
    ".mpo",
    ".png",
    ".apng",
    ".webp",
    ".avif",
    ".bmp",
    ".tif",
    ".tiff",
    ".gif",
    ".jp2",
    ".j2k",
    ".jpf",
    ".jpx",
    ".ppm",
    ".pgm",
    ".pbm",
    ".pnm",
)
#: The endings of files that are read where the optional package pillow-heif is installed.
HEIC_SUFFIXES = (".heic", ".heif", ".hif", ".heics", ".heifs")
#: The most files that a sentence about a kind names.
NAMED = 3


@dataclass(frozen=True)
class Kind:
    """A kind of file that does not come in.

    `one` and `many` name it, with {} for the number. `advice` says what to do; it is empty for files that are not
    meant to be added. `wanted` says whether a user would expect such a file to come in.
    """

    one: str
    many: str
    advice: str = ""
    wanted: bool = False


@dataclass(frozen=True)
class Skipped:
    """The files and folders of one kind that were passed over, by their names below the folder that was searched."""

    kind: Kind
    names: tuple[str, ...]

    @property
    def words(self) -> str:
        """ "12 .txt files"; where there is something to do also which: "2 HEIC pictures (a.heic, b.heic)"."""
        n = len(self.names)
        words = (self.kind.one if n == 1 else self.kind.many).format(f"{n:,}")
        if not self.kind.advice:
            return words
        more = f" and {n - NAMED:,} more" if n > NAMED else ""
        return f"{words} ({', '.join(self.names[:NAMED])}{more})"


@dataclass(frozen=True)
class PicturesFound:
    """The pictures among files and folders, and what was passed over, by kind.

    `names` are the paths of the `pictures` below the folder that was searched; of one that was given itself its name.
    """

    pictures: tuple[Path, ...]
    names: tuple[Path, ...]
    skipped: tuple[Skipped, ...]


HEIC = Kind(
    "{} HEIC picture",
    "{} HEIC pictures",
    "this format is read where pillow-heif is installed: pip install pillow-heif, start again; or convert to JPEG, for "
    "example with: mogrify -format jpg *.HEIC (ImageMagick)",
    wanted=True,
)
AVIF = Kind(
    "{} AVIF picture",
    "{} AVIF pictures",
    "the Pillow that is installed was built without this format: pip install --force-reinstall pillow, start again; or "
    "convert to JPEG, for example with: mogrify -format jpg *.avif (ImageMagick)",
    wanted=True,
)
RAW = Kind(
    "{} camera RAW file",
    "{} camera RAW files",
    "RAW files are not read here; develop to JPEG, for example with: darktable-cli PHOTO.NEF PHOTO.jpg",
    wanted=True,
)
SVG = Kind(
    "{} drawing in SVG",
    "{} drawings in SVG",
    "drawings are not read here; save as PNG, for example with: rsvg-convert -w 1000 DRAWING.svg -o DRAWING.png",
    wanted=True,
)
OTHER_FORMAT = Kind(
    "{} picture in another format",
    "{} pictures in other formats",
    "these formats are not read here; save as PNG or JPEG, for example with: mogrify -format png FILE (ImageMagick)",
    wanted=True,
)
VIDEO = Kind(
    "{} video",
    "{} videos",
    "videos are not read here; save frames as pictures to add them, for example with: ffmpeg -i CLIP.mp4 -r 1 %04d.png",
)
PDF = Kind(
    "{} PDF document",
    "{} PDF documents",
    "documents are not read here; save their pictures to add them, for example with: pdfimages -all BOOK.pdf picture",
)
EMPTY = Kind("{} empty file", "{} empty files", "there is nothing in it; copy or download it again", wanted=True)
LINK_AWAY = Kind(
    "{} symbolic link out of the folder",
    "{} symbolic links out of the folder",
    "these are not followed; copy what they point to into the folder",
    wanted=True,
)
LINK_BROKEN = Kind(
    "{} symbolic link to nothing",
    "{} symbolic links to nothing",
    "what these point to is missing; put it back, or remove the link",
    wanted=True,
)
LINK = Kind("{} link to what came in already", "{} links to what came in already")
UNREADABLE = Kind(
    "{} folder that cannot be opened",
    "{} folders that cannot be opened",
    "allow reading, or move the pictures elsewhere",
    wanted=True,
)
SPECIAL = Kind(
    "{} pipe or device", "{} pipes or devices", "only files are read; copy the picture to a file", wanted=True
)
HIDDEN = Kind("{} hidden file or folder", "{} hidden files or folders")

#: Endings that say that a file is never read here. Pillow would take the small preview in a RAW file for the picture.
BY_SUFFIX = {
    f".{suffix}": kind
    for kind, suffixes in (
        (
            RAW,
            "cr2 cr3 crw nef nrw arw srf sr2 dng raf orf rw2 rwl raw pef srw x3f 3fr fff iiq erf mrw kdc dcr mos mef",
        ),
        (SVG, "svg svgz"),
        (
            OTHER_FORMAT,
            "psd psb xcf kra jxl jxr tga pcx pfm exr hdr ico icns dds qoi eps ai wmf emf",
        ),
        (VIDEO, "mp4 mov m4v avi mkv webm mts m2ts 3gp wmv flv mpg mpeg ogv"),
        (PDF, "pdf"),
    )
    for suffix in suffixes.split()
}
#: Folders that systems make: previews of a Synology, what macOS adds to archives, bins, what a disk check found.
SYSTEM_FOLDERS = ("@eaDir", "__MACOSX", "#recycle", "$RECYCLE.BIN", "System Volume Information", "lost+found")


def reads_heic() -> bool:
    """Whether the optional package that reads HEIC is installed."""
    return importlib.util.find_spec("pillow_heif") is not None


def kind_not_read(suffix: str) -> Kind | None:
    """The kind of the files with this ending, in any case, if it says that they are not read here; None if not."""
    suffix = suffix.lower()
    if suffix in HEIC_SUFFIXES:
        return None if reads_heic() else HEIC
    return BY_SUFFIX.get(suffix)


def find_pictures(paths: Iterable[Path]) -> PicturesFound:
    """The pictures among `paths` and in the folders among them, those of a folder sorted.

    A folder is searched with its subfolders, but without hidden ones and those of systems. Symbolic links in it are
    followed to pictures and folders within it, each of which comes in once and under its own name if it has been found
    without a link. A path that is given itself counts as a picture whatever its ending, unless the ending is that of
    another kind.
    """
    search = _Search()
    for path in paths:
        if os.path.isdir(path):
            search.folder(path)
        else:
            search.file(path)
    return search.found()


def skipped_sentences(skipped: Sequence[Skipped]) -> list[str]:
    """What was passed over, as one sentence for each kind with advice, and one for all others."""
    advised = [f"{each.words}: {each.kind.advice}" for each in skipped if each.kind.advice]
    others = [each.words for each in skipped if not each.kind.advice]
    return [*advised, *([", ".join(others)] if others else [])]


def any_wanted(skipped: Iterable[Skipped]) -> bool:
    """Whether a user would expect some of what was passed over to come in."""
    return any(each.kind.wanted for each in skipped)


def none_found(paths: Iterable[Path]) -> str:
    """That there are no pictures in `paths`, as a message."""
    return f"no pictures in {', '.join(map(str, paths))}: wanted files ending in {', '.join(_read_suffixes())}"


def _read_suffixes() -> tuple[str, ...]:
    return (*SUFFIXES, *HEIC_SUFFIXES) if reads_heic() else SUFFIXES


@dataclass
class _Tree:
    """What is known while one folder is searched.

    `real` is where the folder `top` really lies. `pictures` maps where a picture really lies to its path, and
    `searched` holds where the searched folders lie, so that each comes in once, whatever links point to it.
    """

    top: Path
    real: str
    pictures: dict[str, Path] = field(default_factory=dict)
    searched: set[str] = field(default_factory=set)
    links: list[Path] = field(default_factory=list)


class _Search:
    def __init__(self) -> None:
        self._pictures: list[tuple[Path, Path]] = []  # each with its name
        self._skipped: dict[Kind, list[str]] = {}

    def found(self) -> PicturesFound:
        skipped = [Skipped(kind, tuple(sorted(names))) for kind, names in self._skipped.items()]
        skipped.sort(key=lambda s: (not s.kind.wanted, not s.kind.advice, -len(s.names), s.kind.many))
        pictures, names = zip(*self._pictures, strict=True) if self._pictures else ((), ())
        return PicturesFound(tuple(pictures), tuple(names), tuple(skipped))

    def file(self, path: Path) -> None:
        kind = kind_not_read(path.suffix) or (_content_kind(path) if os.path.exists(path) else None)
        if kind is None:
            self._pictures.append((path, Path(path.name)))
        else:
            self._skip(kind, path, path.parent)

    def folder(self, top: Path) -> None:
        tree = _Tree(top, os.path.realpath(top))
        self._walk(tree, top)
        for link in tree.links:  # grows while folders behind links are searched
            self._follow(tree, link)
        self._pictures += [(path, path.relative_to(top)) for path in sorted(tree.pictures.values())]

    def _walk(self, tree: _Tree, start: Path) -> None:
        """Search the folder `start`, which is `tree.top` or a link in it."""

        def cannot_open(error: OSError) -> None:
            place = Path(os.fsdecode(error.filename))
            self._skip(UNREADABLE, place, tree.top if place != tree.top else tree.top.parent)

        for place, folders, files in os.walk(start, onerror=cannot_open):
            real = os.path.realpath(place)
            if real in tree.searched:
                folders.clear()
                continue
            tree.searched.add(real)
            folders.sort()
            for name in tuple(folders):
                path = Path(place, name)
                kind = _kind_of_folder_name(name)
                if kind is not None:
                    self._skip(kind, path, tree.top)
                elif os.path.islink(path):
                    tree.links.append(path)
                else:
                    continue
                folders.remove(name)
            for path in (Path(place, name) for name in sorted(files)):
                kind = _kind_of_file_name(path)
                if kind is None and os.path.islink(path):
                    tree.links.append(path)
                elif kind := kind or _content_kind(path):
                    self._skip(kind, path, tree.top)
                else:
                    tree.pictures[os.path.join(real, path.name)] = path

    def _follow(self, tree: _Tree, link: Path) -> None:
        """Take in the picture or folder that a link points to, unless it came in already or lies elsewhere."""
        target = os.path.realpath(link)
        if not os.path.exists(target):
            kind = LINK_BROKEN
        elif not Path(target).is_relative_to(tree.real):
            kind = LINK_AWAY
        elif target in tree.searched or target in tree.pictures:
            kind = LINK
        elif os.path.isdir(target):
            return self._walk(tree, link)
        else:
            kind = _content_kind(link)
        if kind is None:
            tree.pictures[target] = link
        else:
            self._skip(kind, link, tree.top)
        return None

    def _skip(self, kind: Kind, path: Path, top: Path) -> None:
        name = os.fsencode(path.relative_to(top).as_posix()).decode("utf-8", "replace")
        shown = "".join(c if c.isprintable() else "\ufffd" for c in name)
        self._skipped.setdefault(kind, []).append(shown)


def _kind_of_folder_name(name: str) -> Kind | None:
    if name in SYSTEM_FOLDERS:
        return Kind(f"{{}} {name} folder", f"{{}} {name} folders")
    return HIDDEN if name.startswith(".") else None


def _kind_of_file_name(path: Path) -> Kind | None:
    """Why a file with this name is not a picture to read; None if it is one, by its ending."""
    suffix = path.suffix.lower()
    if path.name.startswith("."):
        return HIDDEN
    if suffix in (*SUFFIXES, *HEIC_SUFFIXES):
        return kind_not_read(suffix)
    return kind_not_read(suffix) or _kind_of_suffix(suffix)


def _kind_of_suffix(suffix: str) -> Kind:
    if not suffix:
        return Kind("{} file without an ending", "{} files without an ending")
    if not suffix[1:].isalnum() or len(suffix) > 10:
        return Kind("{} other file", "{} other files")
    return Kind(f"{{}} {suffix} file", f"{{}} {suffix} files")


def _content_kind(path: Path) -> Kind | None:
    try:
        found = path.stat()
    except OSError:
        return None  # reading it will say what is wrong
    if not stat.S_ISREG(found.st_mode):
        return SPECIAL
    return None if found.st_size else EMPTY
