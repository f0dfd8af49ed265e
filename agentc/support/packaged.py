"""Files that ship within a package. As ``importlib.resources`` reads them, whose own imports (archives, temporary
folders, random numbers) take 4 ms of a command; it is asked where a package is no folder."""

import os
from importlib import import_module


def text(package: str, *parts: str) -> str:
    """The text of a file of ``package``, in UTF-8.

    Raises:
        OSError: there is no such file.
    """
    if folder := _folder(package):
        with open(os.path.join(folder, *parts), encoding="utf-8") as file:
            return file.read()
    from importlib.resources import files

    return files(package).joinpath(*parts).read_text(encoding="utf-8")


def names(package: str, folder: str) -> list[str]:
    """The names of the files of a folder of ``package``, sorted."""
    if home := _folder(package):
        return sorted(os.listdir(os.path.join(home, folder)))
    from importlib.resources import files

    return sorted(entry.name for entry in files(package).joinpath(folder).iterdir())


def _folder(package: str) -> str | None:
    file = import_module(package).__file__
    folder = os.path.dirname(file) if file else ""
    return folder if os.path.isdir(folder) else None
