"""From a connection in the making to the loop, with as much done as can be before asyncio is there."""

from pyssh.errors import SSHError
from pyssh_cli import exit_codes
from pyssh_cli.client.background import Background
from pyssh_cli.client.dial import Dialing, UnreachableError, mark
from pyssh_cli.client.early import EarlyLogin, can_log_in_early, log_in_early
from pyssh_cli.client.report import report
from pyssh_cli.client.wanted import wants_terminal
from pyssh_cli.output import Level, Output
from pyssh_cli.settings import Settings

__all__ = ["run"]

_SILENT = Output("", level=Level.QUIET)


def run(settings: Settings, dialing: Dialing | None, background: Background | None, output: Output) -> int:
    """Wait for the connection and do the rest; return ssh's exit code. `background` is -f's."""
    try:
        sock = None if dialing is None else dialing.result()
    except UnreachableError as error:
        report(error, settings.first_hop, output)
        return exit_codes.SSH_FAILED
    if sock is not None and not (settings.has_session and wants_terminal(settings, _SILENT)):
        mark(sock, settings.first_hop.ip_qos.bulk)
    early: EarlyLogin | None = None
    if sock is not None and can_log_in_early(settings):
        # forwards come before the session, and so do LocalCommand and the way to the background
        comes_first = settings.has_forwards or bool(settings.local_command) or background is not None
        with_session = settings.has_session and not comes_first
        try:
            early = log_in_early(settings, sock, output, with_session=with_session)
        except (SSHError, OSError) as error:
            report(error, settings.config, output)
            return exit_codes.SSH_FAILED

    from pyssh_cli.client.main import Start, run_on_loop  # noqa: PLC0415  # asyncio: while the command starts

    return run_on_loop(Start(settings, sock, early, background), output)
