"""Starts a gateway of its own, lets Schemathesis loose on it, and judges the outcome."""

import argparse
import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

import yaml

from world import make_tenant, start, stop

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "no_undocumented_members",
    "negative_data_rejection",
]


def operations(document):
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                yield method.upper(), path, operation["operationId"]


def run_schemathesis(gateway, folder, arguments):
    command = [
        Path(sys.executable).with_name("schemathesis"),
        "--config-file", Path(__file__).with_name("schemathesis.toml"), "run", folder / "openapi.yaml",
        "--url", gateway.url, "--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing",
        "--max-time", str(arguments.seconds), "--seed", str(arguments.seed), "--workers", "1",
        "--generation-database", "none", "--generation-with-security-parameters", "false",
        "--suppress-health-check", "all", "--request-timeout", "20", "--warnings", "off", "--no-color",
        "--continue-on-failure",
    ]
    hooks = Path(__file__).with_name("hooks.py")
    environment = {
        **os.environ, "SCHEMATHESIS_HOOKS": str(hooks), "PYTHONPATH": str(hooks.parent),
        "PYTHONDONTWRITEBYTECODE": "1", "CHECK_API_STATE": str(folder / "state.json"),
        "CHECK_API_STATUSES": str(folder / "statuses.json"),
    }
    return subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL).returncode


def judge(document, folder):
    """What Schemathesis does not say: which operation never succeeded, what the gateway itself complained about."""
    findings = []
    statuses = json.loads((folder / "statuses.json").read_text())
    print("\nAnswers by operation:")
    for method, path, identifier in operations(document):
        seen = statuses.get(identifier, {})
        counts = " ".join(f"{status}×{seen[status]}" for status in sorted(seen))
        print(f"  {method:6} {path:44} {counts or '-'}")
        if not any(status.startswith("2") for status in seen):
            findings.append(f"{method} {path} never succeeded")
    for line in (folder / "gateway.log").read_text().splitlines():
        if "failed unexpectedly" in line or "Fatal error" in line:
            findings.append(f"the gateway's log: {line}")
    return findings


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--gateway", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--seconds", type=int, default=75)
    parser.add_argument("--seed", type=int, default=20240229)
    arguments = parser.parse_args()

    token = "check-" + secrets.token_hex(24)
    process, gateway = start(arguments.gateway, arguments.folder, token)
    try:
        text = gateway.text("/openapi.yaml")
        (arguments.folder / "openapi.yaml").write_text(text)
        document = yaml.safe_load(text)
        state = {
            "url": gateway.url, "operator": token, "seed": arguments.seed,
            "app": make_tenant(gateway, token, "main"),
            # For what would end or throttle the first one.
            "spare": make_tenant(gateway, token, "spare"),
        }
        (arguments.folder / "state.json").touch(0o600)
        (arguments.folder / "state.json").write_text(json.dumps(state))
        (arguments.folder / "document.json").write_text(json.dumps(document))
        print(f"seed {arguments.seed}, {arguments.seconds} s", flush=True)
        code = run_schemathesis(gateway, arguments.folder, arguments)
        findings = judge(document, arguments.folder)
        if code != 0:
            findings.insert(0, f"Schemathesis has findings (exit code {code}); they stand above")
        if process.poll() is not None:
            findings.append(f"the gateway ended with {process.returncode}")
    finally:
        if not stop(process):
            findings.append("the gateway did not stop within 20 s")
    for finding in findings:
        print("FINDING:", finding)
    print("The API is as documented." if not findings else f"{len(findings)} findings, seed {arguments.seed}")
    sys.exit(1 if findings else 0)


main()
