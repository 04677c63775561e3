"""What the scripts that write files have in common: `--check`, and saying what changed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main(files: Callable[[], Mapping[Path, str]], arguments: list[str] | None = None) -> None:
    """Write the files that are out of step, or with `--check` name them and exit with status 1."""
    script = Path(sys.argv[0]).name
    parser = argparse.ArgumentParser(prog=script)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file is out of step")
    check = parser.parse_args(arguments).check
    stale = [path for path, text in files().items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        if not check:
            path.write_text(files()[path], encoding="utf-8")
        print(f"{'out of step' if check else 'written'}: {path.relative_to(ROOT)}")
    if stale and check:
        raise SystemExit(f"Run: python scripts/{script}")
