"""`pyssh doctor [user@]host`: arguments and help; what is wrong with a connection, in plain words."""

from collections.abc import Sequence
from typing import Final

from pyssh.errors import SSHError
from pyssh_cli import exit_codes
from pyssh_cli.flags import SSH_FLAGS
from pyssh_cli.getopt import BadUsageError, Flag, HostCommand, format_flags, parse_host_command
from pyssh_cli.output import Level, Output

__all__ = ["FLAGS", "main"]

PROGRAM: Final = "pyssh doctor"
_OF_SSH: Final = "46BbcFiJlmoPp"

FLAGS: Final = (
    *(flag for flag in SSH_FLAGS if flag.letter and flag.letter in _OF_SSH),
    Flag("v", help="show the algorithms of one side, too"),
    Flag(name="json", help="print JSON"),
    Flag(name="no-login", help="do not try to log in, only ask what the server takes"),
    Flag(name="help", help="print this"),
)
_OWN: Final = ("json", "no-login", "help", "v")


def main(arguments: Sequence[str]) -> int:
    """Look at a host; return 0 if all is well, 1 if not, 2 for wrong usage."""
    output = Output(PROGRAM)
    try:
        command = parse_host_command(arguments, FLAGS)
        given = {key for key, _ in command.flags}
        if "help" in given:
            output.result(_help())
            return exit_codes.OK
    except BadUsageError as error:
        return _refuse(str(error), output)
    if not command.host or command.command:
        return _refuse("it takes one host", output)
    return _examine(command, output, given)


def _refuse(problem: str, output: Output) -> int:
    output.error(f"{problem}; {PROGRAM} --help lists what there is")
    return exit_codes.USAGE


def _examine(command: HostCommand, output: Output, given: set[str]) -> int:
    import asyncio  # noqa: PLC0415  # --help needs none of it

    from pyssh_cli.doctor.findings import Findings  # noqa: PLC0415
    from pyssh_cli.doctor.local import look_at_agent, look_at_configuration, look_at_files  # noqa: PLC0415
    from pyssh_cli.doctor.remote import Examination  # noqa: PLC0415
    from pyssh_cli.doctor.show import print_json, print_tables  # noqa: PLC0415
    from pyssh_cli.overrides import SettingsError  # noqa: PLC0415
    from pyssh_cli.settings import load  # noqa: PLC0415
    from pyssh_config.errors import escape  # noqa: PLC0415

    findings = Findings()
    flags = tuple(flag for flag in command.flags if flag[0] not in _OWN)
    said: list[str] = []
    quiet = Output(PROGRAM, level=Level.INFO, sink=lambda _, line: said.append(line))
    try:
        try:
            settings = load(HostCommand(flags, command.host, ()), quiet)
            shown = settings.config
        except SettingsError as error:
            # a configuration that makes no session possible still makes connections, as with -N
            said.clear()
            settings = load(HostCommand((*flags, ("N", "")), command.host, ()), quiet)
            findings.warn("configuration", escape(str(error)))
            ours = ("session_type", "request_tty")
            kept = {field: source for field, source in settings.config.sources.items() if field not in ours}
            shown = settings.config.replace(sources=kept)
    except (SSHError, OSError) as error:
        findings.problem("configuration", escape(str(error)))
    else:
        look_at_configuration(shown, findings)
        for line in said:
            # such as a file of -i that is not there
            if line not in shown.warnings:
                findings.warn("configuration", line)
        look_at_files(settings.config, findings)
        look_at_agent(settings.config, findings)
        asyncio.run(Examination(settings, findings, may_log_in="no-login" not in given).run())
    if "json" in given:
        print_json(findings, command.host, output)
    else:
        print_tables(findings, escape(command.host), is_whole="v" in given)
    return exit_codes.OK if findings.is_well else exit_codes.FAILED


def _help() -> str:
    return "\n".join(
        [
            f"usage: {PROGRAM} [flag ...] [user@]host",
            "",
            "Looks at both sides of a connection and says in plain words what is so and what is wrong: the",
            "configuration that took effect, key files, the agent, the host's addresses, its version,",
            "algorithms and key, and whether a login works that needs no typing. It changes nothing.",
            "",
            format_flags(FLAGS),
        ]
    )
