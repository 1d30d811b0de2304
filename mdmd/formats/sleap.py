"""SLEAP: .slp files, and .pkg.slp files that embed their pictures. Read and written with the package sleap-io.

Instances are faces, predicted ones with scores, and tracks their subjects. A point that is not in a file (NaN), or that
SLEAP's editor marks as not visible, wherever it lies, has no label: SLEAP learns from neither. Boxes, edges and
symmetries are kept by sleap-io from 0.9; older ones keep no boxes.

Coordinates are taken as they stand. SLEAP says of files since format 1.1 that the *center* of the first pixel is
(0, 0), which would be half a pixel from ours. But the file that the tests compare with its truth, which sleap-io wrote
from labels counted from the corner, holds their numbers unchanged, and none of them may move. Files whose labels were
placed in SLEAP's own editor may therefore be read half a pixel too far left and up. Before format 1.1 the corner is
(0, 0) by SLEAP's own word; sleap-io takes half a pixel off such files, and it is put back.

Embedded pictures are written to `Reading.unpacked`, as they are in the file if they are JPEG or PNG. A frame of a video
file is no picture, and is left out: SLEAP's "Export Training Package" embeds frames as pictures.
Source: https://io.sleap.ai.
"""

from __future__ import annotations

import importlib
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import PIL.Image

from mdmd.data.definition import MOST_LANDMARKS
from mdmd.data.images import PIXEL_CAP, picture_size
from mdmd.data.places import PLACE, box_problem, is_place
from mdmd.data.records import Box
from mdmd.data.text import cleaned, shown, text_problem
from mdmd.errors import DataError
from mdmd.files import replace_file
from mdmd.formats.format import Format, Pictures, Reading, losses, place_picture
from mdmd.formats.images import ImageFinder, base_name
from mdmd.formats.labels import Face, Image, LabelSet, LeftOut, Loss
from mdmd.formats.lost import Places, lost
from mdmd.formats.text import counted, size_of

ENDING = ".slp"
HDF5 = b"\x89HDF\r\n\x1a\n"
MISSING = "SLEAP files need sleap-io: pip install sleap-io, or, with this package, pip install '.[sleap]'"
#: Bytes of an embedded picture and of a table, and objects in a file.
LARGEST_PICTURE = 300_000_000
LARGEST_TABLE = 2_000_000_000
MOST_OBJECTS = 1_000_000
PICTURE_ENDINGS = {".jpg": (".jpg", ".jpeg"), ".png": (".png",)}
FACE = "face"


def detect(place: Path) -> bool:
    """Whether `place` is a file of SLEAP, or a folder with one."""
    return bool(_files(place))


def _files(place: Path) -> list[Path]:
    try:
        found = [] if place.is_file() else sorted(place.glob(f"*{ENDING}"))
        files = [place] if place.is_file() else [path for path in found if path.is_file() and not path.is_symlink()]
        return [path for path in files if path.name.lower().endswith(ENDING) and _is_hdf5(path)]
    except OSError:
        return []


def _is_hdf5(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(HDF5)) == HDF5


def read(place: Path, how: Reading) -> LabelSet:
    """Read a .slp file, or the one in a folder. Raises DataError, also without sleap-io."""
    files = _files(place)
    if len(files) != 1:
        found = counted(len(files), f"{ENDING} file") if files or place.is_dir() else "no HDF5 file"
        raise DataError(f"{place}: found {found}, wanted one {ENDING} file of SLEAP")
    file = files[0]
    sio = _sleap_io()
    version = _checked(file)
    try:
        labels = sio.load_slp(str(file), open_videos=False)
        return _Reader(file, labels, how, 0.5 if version < 1.1 else 0.0).labels()
    except DataError:
        raise
    except Exception as error:  # sleap-io raises what its file happens to cause
        raise DataError(f"{file} cannot be read ({type(error).__name__}: {' '.join(str(error).split())})") from None


def _sleap_io() -> Any:
    try:
        return importlib.import_module("sleap_io")
    except ImportError:
        raise DataError(MISSING) from None


def _checked(file: Path) -> float:
    """The version of the format. Raises DataError for a file that reads others: sleap-io would follow its links."""
    import h5py

    def visit(group: Any) -> None:
        for name in group:
            nonlocal count
            count += 1
            if count > MOST_OBJECTS:
                raise DataError(f"{file} holds more than {MOST_OBJECTS:,} objects")
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise DataError(f"{file}: {shown(name)} is a link, which is not followed")
            node = group[name]
            if isinstance(node, h5py.Dataset) and (node.external or node.is_virtual):
                raise DataError(f"{file}: {shown(name)} lies in another file, which is not read")
            if isinstance(node, h5py.Dataset) and name != "video" and node.nbytes > LARGEST_TABLE:
                raise DataError(f"{file}: {shown(name)} has more than {LARGEST_TABLE:,} bytes")
            if isinstance(node, h5py.Group) and node.id not in seen:
                seen.append(node.id)
                visit(node)

    count, seen = 0, list[Any]()
    try:
        with h5py.File(file, "r") as opened:
            visit(opened)
            version: Any = opened["metadata"].attrs["format_id"]
            return float(version)
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"{file} is no file of SLEAP ({type(error).__name__}: {error})") from None


@dataclass(frozen=True, eq=False)
class _Picture:
    """A picture of a file: its name there, where it lies, and its size."""

    name: str
    path: Path | None
    size: tuple[int, int] | None


class _Reader:
    """Makes a set of what sleap-io has read."""

    def __init__(self, file: Path, found: Any, how: Reading, added: float) -> None:
        self._file, self._found, self._added = file, found, added
        self._finder = ImageFinder(file.parent, pictures=how.pictures)
        self._unpacked = how.unpacked
        self._places = Places()
        self._left_out = list[LeftOut]()
        self._changes = list[str]()
        self._unseen = self._packed = 0

    def labels(self) -> LabelSet:
        used = Counter(id(one.skeleton) for frame in self._found.labeled_frames for one in frame.instances)
        skeletons = sorted(self._found.skeletons, key=lambda one: -used[id(one)])
        if not skeletons:
            raise DataError(f"{self._file}: it has no skeleton, so that there are no landmarks")
        skeleton = skeletons[0]
        names = tuple(str(node.name) for node in skeleton.nodes)
        if not 1 <= len(names) <= MOST_LANDMARKS or len({*names}) != len(names):
            raise DataError(
                f"{self._file}: found {counted(len(names), 'node')}, wanted 1 to {MOST_LANDMARKS} with different names"
            )
        if said := next(filter(None, map(text_problem, names)), None):
            raise DataError(f"{self._file}: the name of a node {said}")
        images = dict[tuple[int, int], Image]()
        frames: dict[tuple[int, int], Any] = {
            (id(frame.video), int(frame.frame_idx)): frame for frame in self._found.labeled_frames
        }
        for number, video in enumerate(self._found.videos):
            indices = [frame for owner, frame in frames if owner == id(video)]
            for index, picture in self._pictures(video, number, indices):
                frame = frames.get((id(video), index))
                faces = () if frame is None else tuple(self._faces(frame, picture.name, skeleton))
                images[number, index] = Image(picture.name, picture.path, faces, picture.size)
        if self._unseen:
            said = counted(self._unseen, "point that is", "points that are")
            self._changes.append(f"{said} not visible in SLEAP: read as without a label")
        if self._packed:
            said = counted(self._packed, "embedded picture is", "embedded pictures are")
            self._changes.append(f"{said} not unpacked, because no folder for them was given")
        return LabelSet(
            names,
            tuple(images.values()),
            tuple(_pairs(skeleton.edges, "source", "destination", names)),
            _mirror(skeleton, names),
            left_out=tuple(self._left_out),
            changes=tuple(self._changes),
        )

    def _pictures(self, video: Any, number: int, indices: Sequence[int]) -> Iterator[tuple[int, _Picture]]:
        """The pictures of a video with the numbers of their frames."""
        told = video.backend_metadata or {}
        dataset = told.get("dataset")
        embedded = isinstance(dataset, str) and str(told.get("filename")) == "."
        if embedded:
            source = getattr(video, "source_video", None)
            names = getattr(source, "filename", None)
            yield from self._embedded(str(dataset), number, names if isinstance(names, list) else [], indices)
        elif isinstance(video.filename, list):
            for index, name in enumerate(map(str, video.filename)):
                yield index, self._found_picture(cleaned(name))
        else:
            said = counted(len(indices), "labeled frame is", "labeled frames are")
            why = f"{said} of a video: export a training package, which holds pictures"
            self._left_out.append(LeftOut(cleaned(str(video.filename)), why))

    def _found_picture(self, name: str) -> _Picture:
        path = self._finder.find(name)
        try:
            return _Picture(name, path, None if path is None else size_of(path))
        except DataError:
            return _Picture(name, None, None)

    def _embedded(
        self, dataset: str, number: int, names: Sequence[Any], indices: Sequence[int]
    ) -> Iterator[tuple[int, _Picture]]:
        """The embedded pictures, in the folder that was given; without one, those that lie beside the file."""
        import h5py

        with h5py.File(self._file, "r") as opened:
            pixels = opened[dataset]
            if not isinstance(pixels, h5py.Dataset):
                raise DataError(f"{self._file}: {shown(dataset)} holds no pictures")
            beside: Any = pixels.parent
            known = beside["frame_numbers"][()].tolist() if "frame_numbers" in beside else None
            known = list(range(len(pixels))) if known is None else [int(frame) for frame in known]
            for row, index in list(enumerate(known))[: len(pixels)]:
                name = str(names[index]) if 0 <= index < len(names) else f"video{number}_{index:06d}.png"
                name = cleaned(name)
                if self._unpacked is None:
                    self._packed += 1
                    yield index, self._found_picture(name)
                    continue
                try:
                    path = self._write(pixels, row, name)
                    yield index, _Picture(name, path, picture_size(path))
                except DataError as error:
                    self._left_out.append(LeftOut(f"{name} in {dataset}", str(error)))
                    yield index, self._found_picture(name)
        missing = set(indices) - set(known)
        if missing:
            said = counted(len(missing), "labeled frame has", "labeled frames have")
            self._left_out.append(LeftOut(dataset, f"{said} no embedded picture"))

    def _write(self, pixels: Any, row: int, name: str) -> Path:
        """Write an embedded picture and return where; nothing that is no picture stays."""
        assert self._unpacked is not None
        content, ending = _content(pixels, row)
        wanted = PurePosixPath(base_name(name) or "picture")
        if wanted.suffix.lower() not in PICTURE_ENDINGS[ending]:
            wanted = wanted.with_suffix(ending)
        target = self._unpacked / self._places.free(wanted)
        self._unpacked.mkdir(parents=True, exist_ok=True)
        replace_file(target, lambda partial: partial.write_bytes(content))
        try:
            picture_size(target)
        except DataError:
            target.unlink()
            raise
        return target

    def _faces(self, frame: Any, name: str, skeleton: Any) -> Iterator[Face]:
        corrected = {id(one.from_predicted) for one in frame.instances if one.from_predicted is not None}
        boxes = {id(box.instance): box for box in getattr(frame, "bboxes", ()) if box.instance is not None}
        for number, one in enumerate(frame.instances, start=1):
            if id(one) in corrected:
                continue  # SLEAP too shows only what a person has made of it
            try:
                if one.skeleton is not skeleton:
                    raise DataError("its skeleton is not the one that most instances have")
                yield self._face(one, boxes.get(id(one)))
            except DataError as error:
                self._left_out.append(LeftOut(f"{name}, instance {number}", str(error)))

    def _face(self, one: Any, bounds: Any) -> Face:
        places = np.asarray(one.points["xy"], dtype=np.float64) + self._added
        there = np.asarray(np.isfinite(places).all(axis=1))
        labeled = there & np.asarray(one.points["visible"], dtype=bool)
        points = np.where(labeled[:, None], places, 0.0)
        if not is_place(points):
            raise DataError(f"a landmark lies too far from its picture, wanted {PLACE}")
        self._unseen += int(np.count_nonzero(there & ~labeled))
        scores = (
            np.asarray(one.points["score"], dtype=np.float64) if "score" in (one.points.dtype.names or ()) else None
        )
        scored = scores is not None and bool(np.isfinite(scores).any())
        subject = None if one.track is None else str(one.track.name)
        if subject is not None and (said := text_problem(subject)):
            raise DataError(f"the name of its track {said}")
        return Face(
            points,
            np.where(labeled, 2, 0),
            None if bounds is None else self._box(bounds),
            predicted=scores is not None,
            scores=np.clip(np.nan_to_num(scores), 0, 1) if scores is not None and scored else None,
            subject=subject or None,
        )

    def _box(self, bounds: Any) -> Box | None:
        low, high = np.array([bounds.x1, bounds.y1]) + self._added, np.array([bounds.x2, bounds.y2]) + self._added
        box = Box(*low.tolist(), *(high - low).tolist())
        return None if box_problem(box) else box


def _content(pixels: Any, row: int) -> tuple[bytes, str]:
    """The bytes of an embedded picture as a file, and the ending of its name."""
    form = _text(pixels.attrs.get("format", "hdf5"))
    if int(np.prod(pixels.shape[1:])) > LARGEST_PICTURE:
        raise DataError(f"it has more than {LARGEST_PICTURE:,} bytes")
    found = np.asarray(pixels[row])
    if form == "hdf5":
        if found.ndim != 3 or found.shape[2] not in (1, 3) or found.dtype != np.uint8 or found.size > 3 * PIXEL_CAP:
            raise DataError(f"found an array of {found.shape}, wanted height, width and 1 or 3 bytes a pixel")
        return _png(PIL.Image.fromarray(found[:, :, 0] if found.shape[2] == 1 else found)), ".png"
    if found.ndim != 1 or found.dtype.itemsize != 1:
        raise DataError("it is not a list of bytes")
    content = found.tobytes()  # shorter ones are filled up with zeros, which readers of pictures skip
    ending = ".png" if content.startswith(b"\x89PNG") else ".jpg" if content.startswith(b"\xff\xd8") else None
    if ending is None:
        raise DataError("it is neither a JPEG nor a PNG picture")
    if _is_swapped(pixels):
        with PIL.Image.open(io.BytesIO(content), formats=("JPEG", "PNG")) as opened:
            if opened.width * opened.height > PIXEL_CAP:
                raise DataError(f"it has more than {PIXEL_CAP:,} pixels")
            if opened.mode == "RGB":
                return _png(PIL.Image.merge("RGB", opened.split()[::-1])), ".png"
    return content, ending


def _is_swapped(pixels: Any) -> bool:
    """Whether red and blue are exchanged, as OpenCV does; before format 1.4 all files were written with it."""
    order = pixels.attrs.get("channel_order")
    if order is not None:
        return _text(order) == "BGR"
    return float(pixels.file["metadata"].attrs.get("format_id", 1.4)) < 1.4


def _text(value: Any) -> str:
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)


def _png(image: PIL.Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def _pairs(edges: Any, one: str, other: str, names: Sequence[str]) -> Iterator[tuple[int, int]]:
    seen = set[frozenset[str]]()
    for edge in edges:
        a, b = str(getattr(edge, one).name), str(getattr(edge, other).name)
        if a != b and a in names and b in names and frozenset((a, b)) not in seen:
            seen.add(frozenset((a, b)))
            yield names.index(a), names.index(b)


def _mirror(skeleton: Any, names: Sequence[str]) -> tuple[int, ...] | None:
    """What the landmarks become in a mirrored image; None without symmetries, or if they contradict each other."""
    mirror = list(range(len(names)))
    for symmetry in skeleton.symmetries:
        pair = sorted({str(node.name) for node in symmetry.nodes} & {*names})
        if len(pair) != 2:
            continue
        a, b = names.index(pair[0]), names.index(pair[1])
        if mirror[a] not in (a, b) or mirror[b] not in (a, b):
            return None
        mirror[a], mirror[b] = b, a
    return tuple(mirror) if mirror != list(range(len(names))) else None


def write(labels: LabelSet, out: Path, pictures: Pictures) -> list[Loss]:
    """Write labels.slp and the pictures below images/, whose names it holds as they lie from the file.

    SLEAP wants pictures of one size in a video, so there is a video for each size. Raises DataError without sleap-io.
    """
    sio = _sleap_io()
    skeleton = _skeleton(sio, labels)
    places, tracks = Places(), dict[str, Any]()
    groups = dict[tuple[int, int], list[tuple[str, Image]]]()
    for image in labels.images:
        place = PurePosixPath("images") / places.of(image)
        size = size_of(image.path) if image.size is None else image.size
        groups.setdefault(size, []).append((place.as_posix(), image))
        place_picture(image, out / place, pictures)
    videos, frames = list[Any](), list[Any]()
    keeps_boxes = hasattr(sio, "UserBoundingBox")
    for (width, height), members in groups.items():
        video = _video(sio, [name for name, _ in members], width, height)
        videos.append(video)
        for index, (_, image) in enumerate(members):
            instances = [_instance(sio, face, skeleton, tracks) for face in image.faces]
            if not instances:
                continue
            frame = sio.LabeledFrame(video=video, frame_idx=index, instances=instances)
            if keeps_boxes:
                frame.bboxes = list(_boxes(sio, image, instances))
            frames.append(frame)
    found = sio.Labels(frames, videos=videos, skeletons=[skeleton], tracks=list(tracks.values()))
    target = out / "labels.slp"
    sio.save_slp(found, str(target), embed=False)
    kinds = ("hidden", "absent", "split", "subject", "groups", *(() if keeps_boxes else ("box",)))
    return losses(**lost(labels, *kinds))


def _video(sio: Any, names: list[str], width: int, height: int) -> Any:
    """A video of pictures, as sleap-io tells those that it cannot open."""
    told = {"type": "ImageVideo", "shape": [len(names), height, width, 3], "filename": names[0], "filenames": names}
    told |= {"height_": height, "width_": width, "channels_": 3, "grayscale": False}
    return sio.Video(filename=names, backend_metadata=told, open_backend=False)


def _skeleton(sio: Any, labels: LabelSet) -> Any:
    nodes = [sio.Node(name) for name in labels.landmarks]
    pairs = [(k, other) for k, other in enumerate(labels.mirror or ()) if k < other]
    return sio.Skeleton(
        nodes=nodes,
        edges=[sio.Edge(nodes[a], nodes[b]) for a, b in labels.edges],
        symmetries=[sio.Symmetry([nodes[a], nodes[b]]) for a, b in pairs],
        name=FACE,
    )


def _instance(sio: Any, face: Face, skeleton: Any, tracks: dict[str, Any]) -> Any:
    points = np.where(face.visibility[:, None] > 0, face.points, np.nan)
    track = None if face.subject is None else tracks.setdefault(face.subject, sio.Track(face.subject))
    if not face.predicted:
        return sio.Instance.from_numpy(points, skeleton, track=track)
    scores = np.full(len(points), np.nan) if face.scores is None else face.scores
    score = 0.0 if face.scores is None else float(np.mean(face.scores))
    return sio.PredictedInstance.from_numpy(points, skeleton, point_scores=scores, score=score, track=track)


def _boxes(sio: Any, image: Image, instances: Sequence[Any]) -> Iterator[Any]:
    for face, instance in zip(image.faces, instances, strict=True):
        if face.box is not None:
            box = face.box
            sides: Mapping[str, float] = {"x1": box.x, "y1": box.y, "x2": box.x + box.w, "y2": box.y + box.h}
            yield sio.UserBoundingBox(**sides, instance=instance)


FORMAT = Format("sleap", "SLEAP", detect, read, write, keeps_predictions=True)
