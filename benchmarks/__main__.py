"""All tables: ``python -m benchmarks [NAME ...]`` runs the scripts of this folder one after the other."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main(names: list[str]) -> int:
    """Run the named scripts, or all, and give the first exit status that is not 0."""
    scripts = [HERE / f"{name}.py" for name in names] or sorted(HERE.glob("[a-z]*.py"))
    status = 0
    for script in scripts:
        print(f"== {script.stem}", flush=True)
        status = status or subprocess.run([sys.executable, "-m", f"benchmarks.{script.stem}"], check=False).returncode
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
