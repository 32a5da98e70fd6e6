"""Behest's client with the project's key: it mints a token before every call."""

import time
import warnings

import httpx
import pytest
from behest import Behest, decode_token

from conftest import (
    KEY,
    LIMITED_KEY,
    PROJECT,
    TENANT,
    URL,
    eventually,
    said,
    says,
    seen,
    streamed,
)


def test_a_whole_answer(behest):
    answer = behest.chat.completions.create(model="scripted", messages=says("say hello"))
    assert said(answer) == "hello"
    assert answer["object"] == "chat.completion" and answer["usage"]["total_tokens"] > 0


def test_a_stream(behest):
    chunks = list(
        behest.chat.completions.create(
            model="scripted", messages=says("say Hello, wörld 😀"), stream=True
        )
    )
    assert streamed(chunks) == "Hello, wörld 😀"
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


def test_a_stream_that_is_left(behest):
    chunks = behest.chat.completions.create(
        model="scripted", messages=says("slow left-by-behest"), stream=True
    )
    next(chunks)
    chunks.close()
    assert eventually(lambda: seen("left-by-behest")["left"])


@pytest.mark.parametrize("model", [{}, {"model": ""}, {"model": "default"}])
def test_the_projects_model(behest, model):
    assert said(behest.chat.completions.create(messages=says("say yes"), **model)) == "yes"


def test_what_is_the_gateways_business_does_not_go_on(behest):
    behest.chat.completions.create(
        model="scripted",
        messages=says("say its-business"),
        user_id="user-1",
        session_id="session-1",
        tier=2,
        thread_id="thread-1",
        temperature=0.5,
        a_new_member={"x": 1},
    )
    request = seen("its-business")
    assert request["body"] == {
        "model": "scripted",
        "messages": says("say its-business"),
        "temperature": 0.5,
        "a_new_member": {"x": 1},
    }
    assert request["headers"]["authorization"] == "Bearer sk-of-the-provider"
    assert not [name for name in request["headers"] if name.startswith(("x-session", "x-end"))]


def test_a_token_says_what_was_asked_for(behest):
    minted = behest.auth.mint(user_id="user-1", session_id="session-1", ttl=900, tier=2)
    assert (minted.session_id, minted.ttl) == ("session-1", 900)
    claims = decode_token(minted.token)
    assert list(claims) == [
        "tid",
        "pid",
        "uid",
        "role",
        "scp",
        "iss",
        "aud",
        "iat",
        "nbf",
        "exp",
        "jti",
        "sid",
        "tier",
        "key",
    ]
    assert (claims["tid"], claims["pid"], claims["uid"]) == (TENANT, PROJECT, "user-1")
    assert (claims["role"], claims["sid"], claims["tier"]) == ("user", "session-1", 2)
    assert abs(claims["exp"] - time.time() - 900) < 60


def test_a_token_is_used_as_often_as_one_likes(behest):
    token = behest.auth.mint(user_id="user-1").token
    for _ in range(3):
        answer = behest.chat.completions.create(
            model="scripted", messages=says("say again"), token=token
        )
        assert said(answer) == "again"


def test_each_call_is_for_the_user_that_it_names(behest):
    for user in ["user-1", "user-2", "ünï@example.com"]:
        minted = behest.auth.mint(user_id=user)
        assert decode_token(minted.token)["uid"] == user
    assert decode_token(behest.auth.mint().token)["uid"] == "default"


def test_settings_from_the_environment(monkeypatch):
    monkeypatch.setenv("BEHEST_KEY", f" {KEY}\n")
    monkeypatch.setenv("BEHEST_BASE_URL", f"{URL}/")
    monkeypatch.setenv("BEHEST_USER_ID", "of-the-environment")
    monkeypatch.setenv("BEHEST_TTL", "60")
    monkeypatch.setenv("BEHEST_TIER", "3")
    behest = Behest()
    claims = decode_token(behest.auth.mint().token)
    assert (claims["uid"], claims["tier"]) == ("of-the-environment", 3)
    assert claims["exp"] - claims["iat"] == 60
    assert said(behest.chat.completions.create(messages=says("say env"))) == "env"


def test_the_older_name_of_mint(behest):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        minted = behest.mint_token(userId="user-1", sessionId="session-1")
    assert minted["access_token"] == minted["token"] and minted["sessionId"] == "session-1"
    assert decode_token(minted["token"])["sid"] == "session-1"


def test_the_older_path_and_the_members_that_older_callers_read():
    answer = httpx.post(
        f"{URL}/auth/v1/auth/mint",
        headers={"Authorization": f"Bearer {KEY}"},
        json={"user_id": "user-1", "role": "regular"},
    )
    assert answer.status_code == 200
    minted = answer.json()
    assert minted["access_token"] == minted["jwt"] and minted["token_type"] == "Bearer"
    assert minted["expires_in"] == minted["ttl"] == 3600
    chat = httpx.post(
        f"{URL}/v1/chat/completions",
        headers={"Authorization": f"Bearer {minted['access_token']}"},
        json={"model": "scripted", "messages": says("say older")},
    )
    assert said(chat.json()) == "older"


def test_the_key_of_another_project_mints_for_that_project():
    other = Behest(key=LIMITED_KEY, base_url=URL)
    assert decode_token(other.auth.mint(user_id="user-1").token)["pid"] == "limited"
