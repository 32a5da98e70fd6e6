"""What the tests of Behest's own client share. `run.py` names the gateway and the scripted provider."""

import json
import os
import time
import urllib.request
import uuid

import pytest
from behest import Behest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

URL = os.environ["BEHEST_URL"]
KEY = os.environ["BEHEST_KEY"]
LIMITED_KEY = os.environ["BEHEST_LIMITED_KEY"]
TENANT = "acme"
PROJECT = "demo"


@pytest.fixture(autouse=True)
def no_settings_of_the_machine(monkeypatch):
    """The client reads settings from the environment; each test says its own."""
    for name in [name for name in os.environ if name.startswith("BEHEST_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def behest():
    """A client that mints with the project's key."""
    return Behest(key=KEY, base_url=URL)


def admin(method, path, body=None):
    """Calls the admin API; gives the answer's JSON, or `None` where there is none."""
    request = urllib.request.Request(
        f"{os.environ['ADMIN_URL']}/admin/v1/{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "X-Admin-Secret": os.environ["ADMIN_SECRET"],
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        text = answer.read()
    return json.loads(text) if text else None


class Pair:
    """A signing key of the tenant: what its owner has, and what the gateway knows."""

    def __init__(self, kid, private_pem):
        self.kid = kid
        self.private_pem = private_pem

    @classmethod
    def generated(cls):
        """The gateway makes the pair, and shows the private half this once."""
        made = admin("POST", f"tenants/{TENANT}/signing-keys", {})
        return cls(made["kid"], made["private_key"])

    @classmethod
    def uploaded(cls, kid):
        """The tenant makes the pair, and registers the public half under an id of its choice."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        admin("POST", f"tenants/{TENANT}/signing-keys", {"kid": kid, "public_key": public.decode()})
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return cls(kid, private.decode())

    def revoke(self):
        admin("DELETE", f"tenants/{TENANT}/signing-keys/{self.kid}")


@pytest.fixture(scope="session")
def generated():
    return Pair.generated()


@pytest.fixture(scope="session")
def uploaded():
    """Under the kind of id that the older signer insists on."""
    return Pair.uploaded(f"sk_{uuid.uuid4().hex}")


def says(text):
    return [{"role": "user", "content": text}]


def said(completion):
    return completion["choices"][0]["message"]["content"]


def streamed(chunks):
    return "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)


def seen(name):
    """What the scripted provider saw of requests whose message held this name."""
    with urllib.request.urlopen(f"{os.environ['SCRIPTED_URL']}/seen/{name}", timeout=20) as answer:
        return json.load(answer)


def eventually(look, seconds=10):
    """Looks again until there is something true to see."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return found
