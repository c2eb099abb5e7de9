"""`pyssh keygen ca verify`: does a certificate hold, and why."""

import json
import os
import time
from typing import TYPE_CHECKING, Any, cast

from pyssh.keys.certificate import Certificate
from pyssh.keys.names import is_certificate
from pyssh.keys.verdict import Verdict, judge_certificate
from pyssh_cli.client.trust import show_local_time

from .ca_store import Store
from .ca_times import parse_end
from .loading import require_public
from .report import KeygenError, say, shown

if TYPE_CHECKING:
    from .ca import Wanted

__all__ = ["verify"]


def verify(wanted: "Wanted") -> int:
    """Print each question and its answer; 1 if the certificate does not hold.

    Without an authority in the directory its CA and revocation are not asked about.
    """
    path = wanted.words[0]
    key, _ = require_public(path, shown(path))
    if not is_certificate(key):
        raise KeygenError(f"{shown(path)} is a key and not a certificate", 1)
    certificate = cast(Certificate, key)
    now = time.time()
    moment = parse_end(wanted.flags["at"], now) if "at" in wanted.flags else now
    asked: dict[str, Any] = {}
    if "directory" in wanted.flags or os.path.isdir(wanted.directory):  # noqa: PTH112  as in prompts.home
        store = Store(wanted.directory)
        asked["authorities"] = (store.public(certificate.kind),)
        asked["is_revoked"] = store.revocation_list().is_revoked
    name = wanted.flags.get("name")
    verdict = judge_certificate(
        certificate,
        certificate.kind,
        moment,
        names=None if name is None else (name,),
        address=wanted.flags.get("from"),
        show_time=show_local_time,
        **asked,
    )
    say(_json(certificate, verdict) if "json" in wanted.flags else _text(certificate, verdict))
    return 0 if verdict.holds else 1


def _text(certificate: Certificate, verdict: Verdict) -> str:
    lines = [f"  {'yes' if check.passed else 'NO '}  {shown(check.text)}" for check in verdict.checks]
    names = ", ".join(map(shown, certificate.principals)) or "nobody"
    label = f'{certificate.kind} certificate "{shown(certificate.key_id)}", serial {certificate.serial}'
    last = "It holds." if verdict.holds else f"It does not hold: {shown(verdict.reason)}."
    return "\n".join([f"{label}, for {names}", *lines, last])


def _json(certificate: Certificate, verdict: Verdict) -> str:
    checks = [{"check": one.name, "passed": one.passed, "text": one.text} for one in verdict.checks]
    return json.dumps(
        {
            "kind": certificate.kind,
            "id": certificate.key_id,
            "serial": certificate.serial,
            "names": list(certificate.principals),
            "valid_after": certificate.valid_after,
            "valid_before": certificate.valid_before,
            "holds": verdict.holds,
            "reason": verdict.reason,
            "checks": checks,
        },
        indent=2,
    )
