"""The exit codes of the commands. Where a command stands in for one of OpenSSH's, they are that one's."""

from typing import Final

OK: Final = 0

FAILED: Final = 1
"""What sshd exits with for everything that goes wrong, wrong usage too.

ssh-keygen does so for wrong usage and for answers that mean no; what ends its work is 255, as for ssh.
"""

USAGE: Final = 2
"""Wrong usage of a command that only pyssh has."""

SSH_FAILED: Final = 255
"""What ssh exits with when it failed, was used wrongly, or the remote command died of a signal."""

INTERRUPTED: Final = 130
"""What shells report for a command that control-C ended."""
