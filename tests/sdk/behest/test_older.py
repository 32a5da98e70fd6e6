"""Behest's older clients: OpenAI's client with the key, or with a token that it signs, as bearer."""

import openai
import pytest
from behest import BehestClient, BehestSigningClient, sign_behest_jwt

from conftest import KEY, PROJECT, TENANT, URL, says, seen


def text_of(chunks):
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


def test_the_key_as_bearer():
    client = BehestClient(api_key=KEY, base_url=f"{URL}/v1", end_user_id="user_123")
    answer = client.chat.completions.create(model="default", messages=says("say older-key"))
    assert answer.choices[0].message.content == "older-key"
    assert "x-end-user-id" not in seen("older-key")["headers"]
    stream = client.chat.completions.create(model="", messages=says("say it"), stream=True)
    assert text_of(stream) == "it"


def test_the_key_from_the_environment(monkeypatch):
    monkeypatch.setenv("BEHEST_API_KEY", KEY)
    monkeypatch.setenv("BEHEST_BASE_URL", f"{URL}/v1")
    assert [model.id for model in BehestClient().models.list()] == ["scripted", "aimock"]


def test_a_wrong_key():
    client = BehestClient(api_key="bh_live_0123456789abcdef", base_url=f"{URL}/v1")
    with pytest.raises(openai.AuthenticationError) as caught:
        client.chat.completions.create(model="scripted", messages=says("say no"))
    assert caught.value.code == "invalid_token"


@pytest.fixture
def signing(uploaded):
    return BehestSigningClient(
        signing_key_pem=uploaded.private_pem,
        key_id=uploaded.kid,
        tenant_id=TENANT,
        project_id=PROJECT,
        base_url=f"{URL}/v1",
    )


def test_a_token_of_its_own_as_bearer(signing):
    answer = signing.chat.completions.create(model="scripted", messages=says("say signed"))
    assert answer.choices[0].message.content == "signed"
    stream = signing.chat.completions.create(
        model="scripted", messages=says("say signed"), stream=True
    )
    assert text_of(stream) == "signed"
    assert [model.id for model in signing.models.list()] == ["scripted", "aimock"]


def test_a_token_that_it_gives_to_others(signing):
    token = signing.sign_token(user_id="user-1", ttl=60)["access_token"]
    with openai.OpenAI(base_url=f"{URL}/v1", api_key=token) as client:
        answer = client.chat.completions.create(model="scripted", messages=says("say others"))
    assert answer.choices[0].message.content == "others"


def test_a_token_for_another_project(uploaded):
    token = sign_behest_jwt(
        private_key_pem=uploaded.private_pem,
        key_id=uploaded.kid,
        tenant_id=TENANT,
        project_id="none",
        user_id="user-1",
    )["access_token"]
    with openai.OpenAI(base_url=f"{URL}/v1", api_key=token) as client:
        with pytest.raises(openai.AuthenticationError) as caught:
            client.chat.completions.create(model="scripted", messages=says("say no"))
    assert caught.value.code == "invalid_token"
