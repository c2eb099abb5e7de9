"""`python -m pyssh`, or `python path/to/pyssh`: the `pyssh` command, also in a bare checkout."""

import sys
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parent.parent
if not __package__:
    # started by its path: the folder in front is this package itself, whose modules are not to be found bare
    sys.path[0] = str(_CHECKOUT)
# those of our own checkout alone: a folder named cli where the user happens to be is none of our business
sys.path[:0] = [
    str(root)
    for root in (_CHECKOUT / "cli", _CHECKOUT / "config")
    if (root / f"pyssh_{root.name}" / "py.typed").exists()
]

from pyssh_cli.main import main  # noqa: E402  # the path comes first

if __name__ == "__main__":
    main()
