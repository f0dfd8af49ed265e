"""Makes each ``.mlir`` file a test of pytest."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from harness.runlines import RunFailed, run_file


class MlirFile(pytest.File):
    """A test file: one item, as in lit."""

    def collect(self) -> Iterable["MlirItem"]:
        yield MlirItem.from_parent(self, name="run")


class MlirItem(pytest.Item):
    """All RUN lines of a file."""

    def runtest(self) -> None:
        run_file(self.path)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, RunFailed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, self.path.name


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> MlirFile | None:
    """Take the files that lit would take."""
    return MlirFile.from_parent(parent, path=file_path) if file_path.suffix == ".mlir" else None
