"""The classes that users of Behest's client catch."""

import uuid

import pytest
from behest import (
    Behest,
    BehestAuthError,
    BehestBadRequestError,
    BehestError,
    BehestRateLimitError,
    BehestServerError,
)

from conftest import KEY, LIMITED_KEY, PROJECT, URL, admin, eventually, said, says


def caught(kind, call):
    with pytest.raises(kind) as caught:
        answer = call()
        if not isinstance(answer, dict):
            list(answer)
    assert len(caught.value.trace_id) >= 16
    return caught.value


def create(behest, text, **more):
    return behest.chat.completions.create(**{"model": "scripted", "messages": says(text), **more})


@pytest.mark.parametrize("key", ["behest_sk_live_wrong", KEY[:-1], KEY[:-1] + "0"])
def test_a_wrong_key(key):
    behest = Behest(key=key, base_url=URL)
    error = caught(BehestAuthError, lambda: create(behest, "say no"))
    assert (error.status, error.code) == (401, "invalid_token")
    assert str(error) and str(error) != "HTTP 401"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("token", ["stale", "eyJhbGciOiJub25lIn0.eyJ1aWQiOiJhZG1pbiJ9."])
def test_a_wrong_token(behest, token, stream):
    call = lambda: create(behest, "say no", token=token, stream=stream)
    assert caught(BehestAuthError, call).code == "invalid_token"


@pytest.mark.parametrize(
    "wrong",
    [
        {"user_id": "admin"},
        {"user_id": "system-1"},
        {"user_id": "u" * 256},
        {"role": "admin"},
        {"ttl": 59},
        {"ttl": 86401},
        {"tier": 99},
        {"tier": "gold"},
    ],
    ids=lambda wrong: str(wrong)[:40],
)
def test_what_cannot_be_minted(behest, wrong):
    error = caught(BehestBadRequestError, lambda: behest.auth.mint(**{"user_id": "u", **wrong}))
    assert (error.status, error.code) == (400, "validation_error")


@pytest.mark.parametrize("stream", [False, True])
def test_a_wrong_request(behest, stream):
    error = caught(BehestBadRequestError, lambda: create(behest, "x", model="none", stream=stream))
    assert (error.status, error.code) == (400, "validation_error")
    assert "model" in str(error)


def test_a_body_that_is_too_large(behest):
    error = caught(BehestError, lambda: create(behest, "x" * 5_000_000))
    assert (error.status, error.code) == (413, "validation_error")


def test_too_many_requests():
    limited = Behest(key=LIMITED_KEY, base_url=URL)

    def many():
        # The minute may turn once meanwhile.
        for _ in range(5):
            create(limited, "say hi")

    error = caught(BehestRateLimitError, many)
    assert (error.status, error.code) == (429, "rate_limited")
    assert 0 < error.retry_after <= 60


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [429, 500])
def test_a_provider_that_fails(behest, status, stream):
    error = caught(BehestServerError, lambda: create(behest, f"fail {status}", stream=stream))
    assert (error.status, error.code) == (502, "upstream_error")


def test_a_thread_that_is_not_there(behest):
    error = caught(BehestError, lambda: behest.threads.get("no-such-thread"))
    assert (type(error), error.status) == (BehestError, 404)


def test_a_key_that_is_revoked():
    made = admin("POST", f"projects/{PROJECT}/keys", {"name": "behest"})
    behest = Behest(key=made["key"], base_url=URL)
    assert said(create(behest, "say yet")) == "yet"
    admin("DELETE", f"projects/{PROJECT}/keys/{made['id']}")
    assert caught(BehestAuthError, lambda: create(behest, "say no")).status == 401


def test_a_user_who_is_switched_off(behest):
    user = f"user-{uuid.uuid4()}"
    assert said(create(behest, "say on", user_id=user)) == "on"
    switch = {"scope": "user", "id": f"{PROJECT}/{user}"}
    admin("POST", "kill-switches", switch)
    try:

        def off():
            try:
                create(behest, "say off", user_id=user)
            except BehestAuthError as error:
                return error

        error = eventually(off)
        assert (error.status, error.code) == (403, "forbidden")
        assert said(create(behest, "say on", user_id=f"{user}-2")) == "on"
    finally:
        admin("DELETE", f"kill-switches?scope=user&id={PROJECT}/{user}")

    def on():
        try:
            return said(create(behest, "say on", user_id=user))
        except BehestAuthError:
            return None

    assert eventually(on) == "on"
