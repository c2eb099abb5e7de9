"""`python -m pyssh`: the `pyssh` command, also in a bare checkout with nothing installed."""

import sys
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parent.parent
# those of our own checkout alone: a folder named cli where the user happens to be is none of our business
sys.path[:0] = [
    str(root)
    for root in (_CHECKOUT / "cli", _CHECKOUT / "config")
    if (root / f"pyssh_{root.name}" / "py.typed").exists()
]

from pyssh_cli.main import main  # noqa: E402  # the path comes first

if __name__ == "__main__":
    main()
