"""Signatures of deployments: a worker runs only what the deploying command has signed.

Whoever reaches Prefect can change deployments, runs, pools and blocks. The key is not in Prefect,
so that this alone executes no other code, and no code in another environment. The signature is a
job variable: Prefect cannot change the labels of a deployment, adds its tags to each job, and its
own worker ignores job variables that it does not know.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from typing import Any

from pygeoapi_prefect.engine.routes import Json

SIGNATURE = "pygeoapi_signature"
"""Job variable with the members ``code`` (``code_digest``, or null) and ``hmac``."""
SIGNED = ("entrypoint", "storage_document_id", "path", "version", "parameters")
"""Members of a deployment that are signed, besides its job variables."""


class Refused(Exception):
    """A run that a worker does not start; the message says why, to operators."""


def signed(deployment: Mapping[str, Any], code: str | None, key: bytes) -> Json:
    """The job variables of a deployment, with its signature.

    Args:
        deployment: Members of the deployment, as they are sent to Prefect.
        code: Digest of its code in the store; None if workers have the code installed.
        key: Secret of the deploying command and the workers.
    """
    variables = dict(deployment["job_variables"])
    mark = {"code": code, "hmac": _hmac(deployment, variables, code, key)}
    return {**variables, SIGNATURE: mark}


def is_signed(deployment: Mapping[str, Any]) -> bool:
    """Return true if a deployment has a signature, whether a valid one or not."""
    return SIGNATURE in (deployment.get("job_variables") or {})


def code_digest_of(deployment: Mapping[str, Any]) -> str | None:
    """The digest of a deployment's code, as it was signed; None if there is none."""
    mark = (deployment.get("job_variables") or {}).get(SIGNATURE)
    code = mark.get("code") if isinstance(mark, Mapping) else None
    return code if isinstance(code, str) else None


def verify(deployment: Mapping[str, Any], key: bytes) -> None:
    """Check that the deploying command has made a deployment as it is.

    Raises:
        Refused: It has not, or the deployment has pull steps, which may be any command.
    """
    if deployment.get("pull_steps"):
        raise Refused("the deployment has pull steps")
    variables = dict(deployment.get("job_variables") or {})
    mark = variables.pop(SIGNATURE, None)
    if not isinstance(mark, Mapping):
        raise Refused("the deployment is not signed")
    code = mark.get("code")
    if code is None and deployment.get("storage_document_id"):
        raise Refused("the code of the deployment is not signed")
    if not hmac.compare_digest(str(mark.get("hmac")), _hmac(deployment, variables, code, key)):
        raise Refused("the signature of the deployment is wrong")


def verify_run(run: Mapping[str, Any], deployment: Mapping[str, Any]) -> None:
    """Check that a run changes nothing that its deployment has signed.

    Args:
        run: The run.
        deployment: Its deployment, which has been verified.

    Raises:
        Refused: The run has a job variable that its deployment does not have, or another value of
            one of the deployment's job variables or parameters.
    """
    given, known = dict(run.get("job_variables") or {}), dict(deployment["job_variables"])
    own, allowed = dict(given.pop("env", None) or {}), dict(known.get("env") or {})
    for name in _differing(given, known) + _differing(own, allowed):
        raise Refused(f"the run has a job variable of its own: {name}")
    for name in _differing(deployment.get("parameters") or {}, run.get("parameters") or {}):
        raise Refused(f"the run changes a parameter of its deployment: {name}")


def code_digest(files: Iterable[tuple[str, bytes]]) -> str:
    """The SHA-256 of all paths and contents.

    Args:
        files: Path with forward slashes, and content, in the order of the paths.
    """
    digest = hashlib.sha256()
    for path, content in files:
        for part in (path.encode(), content):
            digest.update(len(part).to_bytes(8))
            digest.update(part)
    return digest.hexdigest()


def _differing(members: Mapping[str, Any], others: Mapping[str, Any]) -> list[str]:
    """Names of members that the others lack, or have with another value."""
    return [name for name in members if name not in others or members[name] != others[name]]


def _hmac(
    deployment: Mapping[str, Any], variables: Mapping[str, Any], code: object, key: bytes
) -> str:
    members = {name: deployment.get(name) for name in SIGNED}
    members |= {"parameters": members["parameters"] or {}}
    content = _plain({**members, "job_variables": dict(variables), "code": code})
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _plain(value: Any) -> Any:
    """JSON with one form for each number: a database may return 5 for 5.0."""
    return json.loads(json.dumps(value), parse_float=lambda text: _number(float(text)))


def _number(value: float) -> float:
    return int(value) if value.is_integer() else value
