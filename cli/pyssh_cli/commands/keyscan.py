"""`pyssh keyscan`, in the place of ssh-keyscan: arguments and help only."""

from collections.abc import Sequence
from typing import Final

from pyssh_cli import exit_codes
from pyssh_cli.getopt import BadUsageError, format_flags
from pyssh_cli.keyscan.request import FLAGS, Request, ScanError, parse_request
from pyssh_cli.output import Level, Output

__all__ = ["main"]

PROGRAM: Final = "pyssh keyscan"


def main(arguments: Sequence[str]) -> int:
    """Print the host keys of what the arguments name; return ssh-keyscan's exit code."""
    output = Output(PROGRAM)
    try:
        request = parse_request(arguments)
        if request is None:
            output.result(_help())
            return exit_codes.OK
        output.level = request.level
        return exit_codes.OK if _scan(request, output) else exit_codes.FAILED
    except BadUsageError as error:
        output.error(f"{error}; pyssh keyscan --help lists what there is")
        return exit_codes.FAILED
    except BrokenPipeError:
        raise
    except OSError as error:
        # hosts are looked after where they are asked; what is left is our own output
        return _fail(ScanError(f"cannot write: {error.strerror}"), output)
    except ScanError as error:
        return _fail(error, output)


def _fail(error: ScanError, output: Output) -> int:
    output.level = max(output.level, Level.ERROR)
    output.error(str(error))
    return error.code


def _scan(request: Request, output: Output) -> bool:
    import asyncio  # noqa: PLC0415  # --help needs none of it

    from pyssh_cli.keyscan.scan import scan  # noqa: PLC0415
    from pyssh_cli.keyscan.targets import read_targets  # noqa: PLC0415

    return asyncio.run(scan(request, read_targets(request.files, request.words), output))


def _help() -> str:
    return "\n".join(
        [
            "usage: pyssh keyscan [flag ...] [host | addresses names | range ...]",
            "",
            "Prints the host keys of SSH servers, for known_hosts. Nobody vouches for them: compare the",
            "fingerprints before you trust them.",
            "",
            format_flags(FLAGS),
        ]
    )
