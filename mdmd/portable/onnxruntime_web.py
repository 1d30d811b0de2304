"""The files of onnxruntime-web that a page needs: from a local copy, or from the npm registry.

The download is of one version, whose checksum is known here. Of an archive only the wanted files are read, by name.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import os
import re
import tarfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from mdmd.errors import DataError

PACKAGE, VERSION = "onnxruntime-web", "1.30.0"
#: The sha512 of the package in base64, as lock files of npm tell it.
INTEGRITY = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
REGISTRY = "https://registry.npmjs.org/"
#: File of the package -> its name beside the page. Every server knows what .js is, but not all know .mjs.
FILES = {
    "dist/ort.wasm.bundle.min.mjs": "ort.js",
    "dist/ort-wasm-simd-threaded.wasm": "ort-wasm-simd-threaded.wasm",
}
#: The largest package and the largest file in it that are read, in bytes.
LARGEST_PACKAGE, LARGEST_FILE = 200_000_000, 100_000_000
#: Seconds without an answer after which a download ends.
PATIENCE = 60.0


def read_runtime(local: Path | None = None, *, integrity: str = INTEGRITY) -> dict[str, bytes]:
    """The content of each file, by its name beside the page.

    `local` is the package as npm unpacks it, its folder dist, or its .tgz. Without it, the package is downloaded from
    the registry that npm would use, and must have the checksum `integrity`. Raises DataError with what to do.
    """
    if local is None:
        return _unpacked(_downloaded(integrity), f"{PACKAGE}-{VERSION}.tgz")
    if local.is_dir():
        return _of_folder(local)
    try:
        if local.stat().st_size > LARGEST_PACKAGE:
            raise DataError(f"{local} is larger than {LARGEST_PACKAGE:,} bytes, and not {PACKAGE}")
        content = local.read_bytes()
    except FileNotFoundError:
        raise DataError(f"no such file or folder: {local}") from None
    except OSError as error:
        raise DataError(f"{local} cannot be read: {error.strerror or error}") from None
    return _unpacked(content, str(local))


def registry(settings: Mapping[str, str] = os.environ) -> str:
    """The address of the user's npm registry: that of the environment, of ~/.npmrc, or the public one."""
    named = {key.lower(): value for key, value in settings.items() if key.lower().startswith("npm_config_") and value}
    found = named.get("npm_config_registry") or _registry_in(
        Path(named.get("npm_config_userconfig") or Path.home() / ".npmrc"), settings
    )
    return (found or REGISTRY).rstrip("/") + "/"


def _registry_in(file: Path, settings: Mapping[str, str]) -> str | None:
    """What an .npmrc says; its ${NAME} stands for a variable of the environment."""
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    found = re.findall(r"""^[ \t]*registry[ \t]*=[ \t]*["']?([^\s"']+)""", text, re.MULTILINE)
    return re.sub(r"\$\{(\w+)\}", lambda name: settings.get(name[1], ""), found[-1]) if found else None


def _downloaded(integrity: str) -> bytes:
    address = f"{registry()}{PACKAGE}/-/{PACKAGE}-{VERSION}.tgz"
    local = f"get it with 'npm pack {PACKAGE}@{VERSION}', and name the file with --onnxruntime-web"
    try:
        parts = urlsplit(address)
    except ValueError:
        parts = SplitResult("", "", address, "", "")
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise DataError(
            f"the npm registry {registry()} is no web address: set one with 'npm config set registry', or {local}"
        )
    shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"  # without a password
    try:
        with urllib.request.urlopen(address, timeout=PATIENCE) as answer:
            content = answer.read(LARGEST_PACKAGE + 1)
    except (OSError, http.client.HTTPException, ValueError) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        why = error.reason if isinstance(error, urllib.error.URLError) else error
        raise DataError(f"{PACKAGE} cannot be downloaded from {shown} ({why}): {local}") from None
    found = base64.b64encode(hashlib.sha512(content).digest()).decode()
    if found != integrity:
        raise DataError(
            f"what {shown} sends is not {PACKAGE} {VERSION}: its sha512 is {found[:16]}..., wanted "
            f"{integrity[:16]}...; {local}"
        )
    return content


def _unpacked(archive: bytes, named: str) -> dict[str, bytes]:
    """The files in a .tgz. Nothing is written, and other members are passed over, whatever their names and kinds."""
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as members:
            for member in members:
                name = FILES.get(member.name.removeprefix("package/"))
                if name is None or not member.isreg():
                    continue
                if member.size > LARGEST_FILE:
                    raise DataError(
                        f"{named}: {member.name} has {member.size:,} bytes, wanted at most {LARGEST_FILE:,}"
                    )
                content = members.extractfile(member)
                if content is not None:
                    found[name] = content.read()
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        raise DataError(f"{named} is not a .tgz of {PACKAGE}: {error}") from None
    return _complete(found, named)


def _of_folder(folder: Path) -> dict[str, bytes]:
    root = folder.parent if folder.name == "dist" and not (folder / "dist").is_dir() else folder
    within, found = root.resolve(), {}
    for path, name in FILES.items():
        file = root / path
        if not file.is_file():
            continue
        if not file.resolve().is_relative_to(within):
            raise DataError(f"{file} is a link out of {root}: name the folder that holds the file itself")
        if file.stat().st_size > LARGEST_FILE:
            raise DataError(f"{file} has {file.stat().st_size:,} bytes, wanted at most {LARGEST_FILE:,}")
        try:
            found[name] = file.read_bytes()
        except OSError as error:
            raise DataError(f"{file} cannot be read: {error.strerror or error}") from None
    return _complete(found, str(folder))


def _complete(found: dict[str, bytes], named: str) -> dict[str, bytes]:
    missing = [path for path, name in FILES.items() if name not in found]
    if missing:
        raise DataError(f"{named} has no {' and no '.join(missing)}: wanted the npm package {PACKAGE} {VERSION}")
    return found
