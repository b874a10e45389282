"""Which test is for which requirement; ``python -m support.requirements`` writes it to the docs.

A test names its requirements by the decorator ``requirement``. The identifiers are those of OGC
API - Processes - Part 1, version 1.0 (18-062r2).
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests" / "conformance"
PAGE = ROOT / "docs" / "conformance.md"
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
requirement = pytest.mark.requirement

NOT_USED = {
    "/per/core/additional-status-codes": "the server also uses 410, 413, 415, 503 and 504",
    "/per/core/alternative-process-description": "only one kind of description exists",
    "/per/core/alternative-process-paths": "processes have only their canonical paths",
    "/per/core/api-definition-uri": "this server hosts the definition",
    "/rec/core/access-control-expose-headers": "set by `cors_origins`, off by default",
    "/rec/core/cross-origin": "set by `cors_origins`, off by default",
    "/rec/core/next-2": "pages are stable only while the processes do not change",
    "/rec/core/next-3": "pages are stable only while the processes do not change",
    "/rec/job-list/next-2": "new jobs shift the pages",
    "/rec/job-list/next-3": "new jobs shift the pages",
    "/rec/job-list/access-control-job-list": "left to a reverse proxy",
    "/rec/ogc-process-description/format-key": "formats are in the schemas of inputs",
    "/rec/ogc-process-description/format-short-code": "the server defines no own formats",
    "/rec/ogc-process-description/format-value-registration": "the server defines no own formats",
}
"""What has no test, and why."""

# fmt: off
CORE = """landingpage-op landingpage-success api-definition-op api-definition-success conformance-op
conformance-success http process-list process-list-success pl-limit-definition pl-limit-response
pl-links process process-success process-exception/no-such-process process-execute-op
process-execute-request process-execute-inputs process-execute-input-array
process-execute-input-inline-object process-execute-input-mixed-type
process-execute-input-inline-binary process-execute-input-inline-bbox
process-execute-input-validation process-execute-default-execution-mode
process-execute-auto-execution-mode process-execute-default-outputs
process-execute-sync-raw-value-one process-execute-sync-raw-value-multi
process-execute-sync-raw-ref process-execute-sync-raw-mixed-multi process-execute-sync-document
process-execute-success-async job job-success job-exception-no-such-job job-results
job-results-exception/no-such-job job-results-exception/results-not-ready job-results-failed
job-results-success-sync job-results-async-raw-value-one job-results-async-raw-value-multi
job-results-async-raw-ref job-results-async-raw-mixed-multi job-results-async-document
test-process"""
JOB_LIST = """job-list-op job-list-success limit-definition limit-response links type-definition
type-response processID-definition processid-response processID-mandatory status-definition
status-response datetime-definition datetime-response duration-definition duration-response"""
OTHERS = """/req/json/definition /req/html/definition /req/html/content /req/oas30/completeness
/req/oas30/exceptions-codes /req/oas30/oas-definition-1 /req/oas30/oas-definition-2
/req/oas30/oas-impl /req/oas30/security /req/callback/job-callback /req/dismiss/job-dismiss-op
/req/dismiss/job-dismiss-success /rec/core/api-definition-oas /rec/core/html
/rec/core/job-status /rec/core/link-header /rec/core/ogc-process-description
/rec/core/problem-details /rec/core/process-execute-handle-prefer
/rec/core/process-execute-honor-prefer /rec/core/process-execute-mode-auto
/rec/core/process-execute-preference-applied /rec/core/process-execute-sync-document-ref
/rec/core/next-1 /rec/core/test-process /rec/job-list/job-list-landing-page /rec/job-list/next-1
/per/core/process-execute-input-inline-bbox /per/core/process-execute-sync-job
/per/core/limit-default-minimum-maximum /per/core/limit-response /per/core/prev
/per/job-list/limit-default-minimum-maximum /per/job-list/limit-response /per/job-list/prev"""
DESCRIPTION = """json-encoding inputs-def input-def input-mixed-type input-binary outputs-def
output-def output-mixed-type"""
# fmt: on
ALL = {
    *(f"/req/core/{name}" for name in CORE.split()),
    *(f"/req/job-list/{name}" for name in JOB_LIST.split()),
    *(f"/req/ogc-process-description/{name}" for name in DESCRIPTION.split()),
    *OTHERS.split(),
    *NOT_USED,
}


def marked() -> Iterator[tuple[str, str, str]]:
    """Requirement, file and name of every test that has one."""
    for file in sorted(TESTS.glob("test_*.py")):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.FunctionDef):
                for identifier in _identifiers(node):
                    yield identifier, file.name, node.name


def _identifiers(test: ast.FunctionDef) -> Iterator[str]:
    for decorator in test.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "requirement":
            yield from (str(ast.literal_eval(argument)) for argument in decorator.args)


def table() -> str:
    """The table of the documentation: class by class, in the order of the tests."""
    tests: dict[str, list[str]] = {}
    for identifier, file, name in marked():
        link = f"[{name.removeprefix('test_').replace('_', ' ')}](../tests/conformance/{file})"
        tests.setdefault(identifier, []).append(link)
    lines = ["| requirement | tests |", "|---|---|"]
    lines += [f"| `{identifier}` | {', '.join(found)} |" for identifier, found in tests.items()]
    lines += ["", "| not tested | reason |", "|---|---|"]
    lines += [f"| `{identifier}` | {reason} |" for identifier, reason in NOT_USED.items()]
    return "\n".join(lines)


def page() -> str:
    """The page with its table as it has to be."""
    inside = f"{BEGIN}\n\n{table()}\n\n{END}"
    return re.sub(f"{BEGIN}.*{END}", lambda _: inside, PAGE.read_text(), flags=re.DOTALL)


if __name__ == "__main__":
    PAGE.write_text(page())
