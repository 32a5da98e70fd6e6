#!/usr/bin/env python3
"""Runs OpenAI's and Behest's own clients against a running gateway.

Starts a scripted provider, aimock and the gateway on free ports, waits until they are ready, runs the
Python tests with each major of OpenAI's Python client, the Node tests with each major of its Node
client, the tests of Behest's Python client and those of a page in a browser, and stops what it
started. `setup.sh` installs what this needs. Names given as arguments (openai-3, openai-2, node-7,
node-6, behest, browser) choose among the six runs.
"""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
READY_SECONDS = 30
RUN_SECONDS = 300
KEY = "behest_sk_live_0123456789abcdef0123456789abcdef"
LIMITED_KEY = "behest_sk_live_fedcba9876543210fedcba9876543210"
TIGHT_KEY = "behest_sk_live_00112233445566778899aabbccddeeff"
HASTY_KEY = "behest_sk_live_ffeeddccbbaa99887766554433221100"
ADMIN_SECRET = "the-admin-secret-of-these-tests"


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def wait_ready(url, process):
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            sys.exit(f"{process.args[0]} ended with {process.returncode}")
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except OSError:
            time.sleep(0.02)
    sys.exit(f"{url} is not ready after {READY_SECONDS} s")


def gateway_program():
    named = os.environ.get("BEHEST_BIN")
    if named:
        return os.path.abspath(named)
    subprocess.run(["cargo", "build", "--locked", "--bin", "behest"], cwd=ROOT, check=True)
    target = os.environ.get("CARGO_TARGET_DIR", ROOT / "target")
    return str(pathlib.Path(target) / "debug" / "behest")


def configuration(folder, data, admin, scripted, aimock, page):
    def model(name, provider):
        return {"id": name, "targets": [{"provider": provider, "model": name}]}

    def project(name, slug, requests_per_minute, origins, limits=None, user_limits=None):
        return {
            "id": name,
            "slug": slug,
            "model": "scripted",
            "api_keys": [{"name": "sdk", "secret": f"file:{name}.key"}],
            "allowed_origins": origins,
            "limits": {"requests_per_minute": requests_per_minute, **(limits or {})},
            "user_limits": user_limits or {},
        }

    (folder / "demo.key").write_text(KEY)
    (folder / "limited.key").write_text(LIMITED_KEY)
    (folder / "tight.key").write_text(TIGHT_KEY)
    (folder / "hasty.key").write_text(HASTY_KEY)
    (folder / "provider.key").write_text("sk-of-the-provider")
    (folder / "admin.secret").write_text(ADMIN_SECRET)
    origins = ["http://localhost:5173", f"http://127.0.0.1:{page}"]
    return {
        "listen": {"data": f"127.0.0.1:{data}", "admin": f"127.0.0.1:{admin}"},
        "domains": ["behest.localhost"],
        "data": str(folder / "data"),
        "admin_secret": "file:admin.secret",
        "drain_timeout": "1s",
        "providers": [
            {
                "name": name,
                "base_url": f"http://127.0.0.1:{port}/v1",
                "api_key": "file:provider.key",
            }
            for name, port in [("scripted", scripted), ("aimock", aimock)]
        ],
        "models": [model("scripted", "scripted"), model("aimock", "aimock")],
        "default_model": "scripted",
        "limits": {"ip": {"exempt": ["127.0.0.0/8"]}},
        "tenants": [
            {
                "id": "acme",
                "projects": [
                    project("demo", "amber-fox-042", 1_000_000, origins),
                    project("limited", "silent-brook-117", 2, [f"http://localhost:{page}"]),
                    # Too little for one long answer: of a budget, of a user's day, of a user's minute.
                    project(
                        "tight",
                        "narrow-gate-003",
                        1_000_000,
                        [],
                        limits={"tokens_per_day": 3000},
                        user_limits={"tokens_per_day": 2000},
                    ),
                    project(
                        "hasty",
                        "short-breath-008",
                        1_000_000,
                        [],
                        user_limits={"tokens_per_minute": 2000},
                    ),
                ],
            }
        ],
    }


def node_for(major):
    """The client's major 7 wants Node 22, which comes with the tests; 6 runs on the system's too."""
    bundled = next((HERE / "node" / "node_modules").glob("node-linux-*/bin/node"), None)
    system = shutil.which("node")
    if major == 6 and system:
        version = subprocess.run([system, "--version"], capture_output=True, text=True).stdout
        if int(version.lstrip("v").split(".")[0]) >= 20:
            return system
    return str(bundled or system)


def runs(environment):
    for major in (3, 2):
        python = HERE / "python" / f"openai-{major}" / ".venv" / "bin" / "python"
        arguments = ["-m", "pytest", "-q", "-p", "no:cacheprovider", str(HERE / "python")]
        yield f"openai-{major}", [str(python), *arguments], environment
    tests = sorted(str(path) for path in (HERE / "node").glob("*.test.js"))
    for major, package in ((7, "openai"), (6, "openai-6")):
        node = [node_for(major), "--test", "--test-reporter=spec", *tests]
        yield f"node-{major}", node, {**environment, "OPENAI_PACKAGE": package}
    python = HERE / "behest" / ".venv" / "bin" / "python"
    arguments = ["-m", "pytest", "-q", "-p", "no:cacheprovider", str(HERE / "behest")]
    yield "behest", [str(python), *arguments], environment
    browser = str(HERE / "node" / "browser" / "page.test.js")
    yield "browser", [node_for(7), "--test", "--test-reporter=spec", browser], environment


def start(started, *arguments, **options):
    process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, **options)
    started.append(process)
    return process


def main():
    chosen = sys.argv[1:]
    program = gateway_program()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="behest-sdk-"))
    started, failed = [], []
    try:
        upstream = start(started, sys.executable, str(HERE / "upstream.py"), stdout=subprocess.PIPE)
        scripted = int(upstream.stdout.readline())
        data, admin, aimock, page = free_port(), free_port(), free_port(), free_port()
        cli = HERE / "node" / "node_modules" / "@copilotkit" / "aimock" / "dist" / "cli.js"
        fixtures = ["-f", str(HERE / "fixtures"), "-c", "7", "-l", "5", "--log-level", "warn"]
        mock = start(started, node_for(7), str(cli), "-p", str(aimock), *fixtures)
        wait_ready(f"http://127.0.0.1:{aimock}/v1/models", mock)
        config = configuration(folder, data, admin, scripted, aimock, page)
        (folder / "behest.yaml").write_text(json.dumps(config, indent=1))
        log = open(folder / "log", "wb")
        serve = [program, "serve", "--config", str(folder / "behest.yaml")]
        gateway = start(started, *serve, cwd=folder, stdout=log, stderr=log)
        wait_ready(f"http://127.0.0.1:{admin}/readyz", gateway)
        environment = {
            **os.environ,
            "BEHEST_URL": f"http://127.0.0.1:{data}",
            "BEHEST_KEY": KEY,
            "BEHEST_LIMITED_KEY": LIMITED_KEY,
            "BEHEST_TIGHT_KEY": TIGHT_KEY,
            "BEHEST_HASTY_KEY": HASTY_KEY,
            "ADMIN_URL": f"http://127.0.0.1:{admin}",
            "ADMIN_SECRET": ADMIN_SECRET,
            "PAGE_PORT": str(page),
            "SCRIPTED_URL": f"http://127.0.0.1:{scripted}",
            "AIMOCK_URL": f"http://127.0.0.1:{aimock}",
            "BEHEST_BIN": program,
            "NODE": node_for(7),
            "PYTHONDONTWRITEBYTECODE": "1",
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
        }
        for name, command, env in runs(environment):
            if chosen and name not in chosen:
                continue
            print(f"=== {name}", flush=True)
            options = {"cwd": folder, "env": env, "stdin": subprocess.DEVNULL}
            try:
                status = subprocess.run(command, timeout=RUN_SECONDS, **options).returncode
            except subprocess.TimeoutExpired:
                print(f"{name} is not done after {RUN_SECONDS} s", flush=True)
                status = 1
            if status != 0 or gateway.poll() is not None:
                failed.append(name)
    finally:
        for process in reversed(started):
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if failed:
            tail = (folder / "log").read_text(errors="replace").splitlines()[-40:]
            print("--- the gateway's last lines:", *tail, sep="\n")
        shutil.rmtree(folder, ignore_errors=True)
    if failed:
        sys.exit("failed: " + ", ".join(failed))


if __name__ == "__main__":
    main()
