"""Behest's client with a signing key of the tenant: it makes its tokens itself."""

import base64
import uuid

import pytest
from behest import Behest, BehestAuthError, decode_token

from conftest import (
    PROJECT,
    TENANT,
    URL,
    Pair,
    eventually,
    said,
    says,
    streamed,
)


def signer(pair, **more):
    settings = {
        "key": f"behest_pk_{pair.private_pem}",
        "kid": pair.kid,
        "tenant_id": TENANT,
        "project_id": PROJECT,
        "base_url": URL,
    }
    return Behest(**{**settings, **more})


def base64_of(pem):
    return base64.b64encode(pem.encode()).decode()


# Behest's own README says `behest_pk_` and the base64 of the PEM, which its client cannot read. What it
# can read is the PEM itself behind the prefix, and the base64 of the PEM without one.
@pytest.mark.parametrize("form", [lambda pem: f"behest_pk_{pem}", base64_of])
def test_both_forms_of_the_key_that_the_client_takes(generated, form):
    behest = signer(generated, key=form(generated.private_pem))
    assert behest.mode == "sign"
    answer = behest.chat.completions.create(model="scripted", messages=says("say signed"))
    assert said(answer) == "signed"


def test_a_stream(generated):
    chunks = signer(generated).chat.completions.create(
        model="scripted", messages=says("say Hello, wörld 😀"), stream=True
    )
    assert streamed(chunks) == "Hello, wörld 😀"


def test_a_pair_of_the_tenants_own(uploaded):
    answer = signer(uploaded).chat.completions.create(messages=says("say uploaded"))
    assert said(answer) == "uploaded"


def test_settings_from_the_environment(generated, monkeypatch):
    monkeypatch.setenv("BEHEST_KEY", f"behest_pk_{generated.private_pem}")
    monkeypatch.setenv("BEHEST_KID", generated.kid)
    monkeypatch.setenv("BEHEST_TENANT_ID", TENANT)
    monkeypatch.setenv("BEHEST_PROJECT_ID", PROJECT)
    monkeypatch.setenv("BEHEST_BASE_URL", URL)
    monkeypatch.setenv("BEHEST_ISSUER", "behest")
    behest = Behest()
    assert decode_token(behest.auth.mint().token)["iss"] == "behest"
    assert said(behest.chat.completions.create(messages=says("say env"))) == "env"


def test_a_role_and_a_tier_of_its_own_choice_do_no_harm(generated):
    behest = signer(generated)
    token = behest.auth.mint(user_id="user-1", role="admin", tier=99).token
    answer = behest.chat.completions.create(messages=says("say user"), token=token)
    assert said(answer) == "user"


@pytest.mark.parametrize(
    "wrong",
    [
        {"kid": "sk_of_nobody"},
        {"tenant_id": "globex"},
        {"project_id": "none"},
        {"issuer": "https://evil.example"},
        {"audience": "others"},
        {"ttl": 86400 * 2},
        {"ttl": -3600},
    ],
    ids=str,
)
@pytest.mark.parametrize("stream", [False, True])
def test_tokens_that_do_not_hold(generated, wrong, stream):
    behest = signer(generated, **wrong)
    with pytest.raises(BehestAuthError) as caught:
        answer = behest.chat.completions.create(messages=says("say no"), stream=stream)
        list(answer)
    assert (caught.value.status, caught.value.code) == (401, "invalid_token")


def test_a_key_that_is_revoked():
    pair = Pair.uploaded(f"kid_{uuid.uuid4().hex[:6]}")
    behest = signer(pair)
    assert said(behest.chat.completions.create(messages=says("say yet"))) == "yet"
    pair.revoke()

    def refused():
        try:
            behest.chat.completions.create(messages=says("say no more"))
        except BehestAuthError as error:
            return error

    assert eventually(refused).code == "invalid_token"
