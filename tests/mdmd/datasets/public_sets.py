"""Small datasets in the formats in which the public ones are distributed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from tests.builders import write_picture

Array = NDArray[np.float64]


def face(count: int, at: float = 10.0) -> Array:
    """`count` points (count, 2) on two lines: (at, at), (at + 1, at + 3), (at + 2, at), (at + 3, at + 3), ..."""
    k = np.arange(count)
    return np.stack([at + k, at + 3.0 * (k % 2)], axis=1)


def pts(path: Path, points: Array, *, header: bool = True, picture: str | None = ".jpg") -> Path:
    """A `.pts` file in the format of the iBUG group, and an image of 200 x 100 pixels beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [f"{x:.6f} {y:.6f}" for x, y in points]
    lines = ["version: 1", f"n_points:  {len(points)}", "{", *rows, "}"] if header else rows
    path.write_text("\n".join(lines) + "\n")
    if picture is not None:
        write_picture(path.with_suffix(picture), (200, 100))
    return path


def w300(root: Path) -> Path:
    """A 300W of seven faces: two of training, two of common, one of challenge, two of the private test."""
    pts(root / "afw" / "1051618982_1.pts", face(68))
    pts(root / "helen" / "trainset" / "100032540_2.pts", face(68), header=False)
    pts(root / "helen" / "testset" / "296814969_3.pts", face(68))
    pts(root / "lfpw" / "testset" / "image_0001.pts", face(68), picture=".png")
    pts(root / "ibug" / "image_092 _01.pts", face(68))
    pts(root / "300W" / "01_Indoor" / "indoor_001.pts", face(68), picture=".png")
    pts(root / "300W" / "02_Outdoor" / "outdoor_001.pts", face(68), picture=".png")
    return root


def wflw_line(points: Array, box: Sequence[int], flags: str, picture: str) -> str:
    numbers = " ".join(f"{v:.6f}" for v in points.ravel())
    return f"{numbers} {' '.join(map(str, box))} {' '.join(flags)} {picture}"


def wflw(root: Path) -> Path:
    """A WFLW of one training face and three test faces, two of them in one picture."""
    lists = root / "WFLW_annotations" / "list_98pt_rect_attr_train_test"
    lists.mkdir(parents=True)
    parade, car = "0--Parade/0_Parade_marchingband_1_116.jpg", "7--Cheering/7_Cheering_x_7_1.jpg"
    for picture in (parade, car):
        write_picture(root / "WFLW_images" / picture, (200, 100))
    train = [wflw_line(face(98, 5), (4, 5, 110, 20), "000000", car)]
    test = [
        wflw_line(face(98, 10), (10, 11, 90, 51), "100000", parade),
        wflw_line(face(98, 20), (20, 21, 120, 61), "000111", parade),
        wflw_line(face(98, 30), (30, 31, 131, 71), "011000", car),
    ]
    (lists / "list_98pt_rect_attr_train.txt").write_text("\n".join(train) + "\n")
    (lists / "list_98pt_rect_attr_test.txt").write_text("\n".join(test) + "\n")
    return root


def cofw_mat(file: Path, ending: str, images: Sequence[NDArray[np.uint8]]) -> Path:
    """A v7.3 file as MATLAB writes it: arrays transposed, a cell of images as references into `#refs#`.

    Face k has the points `face(29, 10 + k)`, the box (k, 2, 40, 30) and its first point occluded.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    labels = np.zeros((len(images), 87))
    for k in range(len(images)):
        labels[k, :58] = face(29, 10.0 + k).T.ravel()
        labels[k, 58] = 1
    boxes = np.array([[k, 2, 40, 30] for k in range(len(images))], dtype=np.float64).reshape(len(images), 4)
    with h5py.File(file, "w", userblock_size=512) as mat:
        stored = mat.create_group("#refs#")
        references = [stored.create_dataset(f"i{k}", data=image.T).ref for k, image in enumerate(images)]
        cell = mat.create_dataset(f"Is{ending}", (1, len(images)), dtype=h5py.ref_dtype)
        cell[0, :] = references
        cell.attrs["MATLAB_class"] = np.bytes_("cell")
        mat[f"phis{ending}"] = labels.T
        mat[f"bboxes{ending}"] = boxes.T
    with file.open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64")
    return file


def cofw(root: Path) -> Path:
    """A COFW of two training faces, one of them gray, and one test face; red, green, blue ramps 60 wide, 40 high."""
    y, x = np.mgrid[:40, :60].astype(np.uint8)
    color = np.stack([x, y, np.full_like(x, 200)], axis=2)
    cofw_mat(root / "COFW_train_color.mat", "Tr", [color, y])
    cofw_mat(root / "COFW_test_color.mat", "T", [color])
    return root


def lapa(root: Path) -> Path:
    """A LaPa of one face in each split."""
    for split, name in (("train", "100032540_1"), ("val", "10213948325_0"), ("test", "11091296194_2")):
        label = root / split / "landmarks" / f"{name}.txt"
        label.parent.mkdir(parents=True)
        label.write_text("106\n" + "".join(f"{x:.3f} {y:.3f} \n" for x, y in face(106)))
        write_picture(root / split / "images" / f"{name}.jpg", (200, 100))
    return root


def animweb(root: Path, macaques: int = 3) -> Path:
    """An AnimWeb of some macaques and one dog."""
    for number in range(1, macaques + 1):
        pts(root / f"japanesemacaque_{number}.pts", face(9, number))
    pts(root / "dog_1.pts", face(9))
    return root


def artface(root: Path, names: Sequence[str]) -> Path:
    for number, name in enumerate(names):
        pts(root / f"{name}.pts", face(68, 5 + number % 10), picture=".png")
    return root


def cariface(root: Path, train: int = 3, test: int = 1) -> Path:
    """A CariFace with lists that are not in the order of the names."""
    (root / "landmarks").mkdir(parents=True)
    names = [f"{number:05d}.jpg" for number in range(train + test, 0, -1)]
    for number, name in enumerate(names):
        np.save(root / "landmarks" / f"{name}.npy", face(68, number))
        write_picture(root / "images" / name, (200, 100))
    (root / "train_list.txt").write_text("\n".join(names[:train]) + "\n")
    (root / "test_list.txt").write_text("\n".join(names[train:]) + "\n")
    return root


def pare(root: Path) -> Path:
    """A PARE of one training and one test picture; label k has the points `face(9, k)`, the box 1, 2 to 41 + k, 32."""
    root.mkdir(parents=True)
    np.save(root / "landmarks.npy", np.stack([face(9, k) for k in range(150)]).astype(np.int64))
    np.save(root / "bboxes.npy", np.array([[1, 2, 41 + k, 32] for k in range(150)], dtype=np.int64))
    (root / "mapping.txt").write_text("image_filename label_id\n04.tif 4\n26.tif 104\n")
    for name in ("04.tif", "26.tif"):
        write_picture(root / "images" / name, (200, 100))
    return root
