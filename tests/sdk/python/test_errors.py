"""What goes wrong: the classes that users catch, what is tried again, and streams that end early."""

import asyncio
import uuid

import openai
import pytest

from conftest import BASE_URL, HASTY_KEY, KEY, LIMITED_KEY, TIGHT_KEY, eventually, says, seen


def name():
    return uuid.uuid4().hex


def test_a_wrong_key():
    client = openai.OpenAI(base_url=BASE_URL, api_key="behest_sk_live_wrong")
    for stream in (False, True):
        with pytest.raises(openai.AuthenticationError) as caught:
            client.chat.completions.create(model="scripted", messages=says("say hi"), stream=stream)
        assert (caught.value.code, caught.value.type) == ("invalid_token", "authentication_error")
        assert len(caught.value.request_id) >= 16


def test_a_wrong_request(client):
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError) as caught:
            client.chat.completions.create(model="none", messages=says("say hi"), stream=stream)
        error = caught.value
        assert (error.code, error.type, error.param) == (
            "validation_error",
            "invalid_request_error",
            "model",
        )
        assert "message" in error.body and error.message


def test_an_origin_that_is_not_allowed(client):
    with pytest.raises(openai.PermissionDeniedError) as caught:
        client.models.list(extra_headers={"Origin": "https://evil.example"})
    assert caught.value.code == "forbidden"


def test_a_body_that_is_too_large(client_without_retries):
    with pytest.raises(openai.APIStatusError) as caught:
        client_without_retries.chat.completions.create(
            model="scripted", messages=says("x" * 5_000_000)
        )
    assert (caught.value.status_code, caught.value.code) == (413, "validation_error")


def test_too_many_requests():
    client = openai.OpenAI(base_url=BASE_URL, api_key=LIMITED_KEY, max_retries=0)
    with pytest.raises(openai.RateLimitError) as caught:
        # The minute may turn once meanwhile.
        for _ in range(5):
            client.chat.completions.create(model="scripted", messages=says("say hi"))
    error = caught.value
    assert (error.code, error.type) == ("rate_limited", "rate_limit_error")
    assert error.body["details"]["layer"] == "project"
    assert 1 <= int(error.response.headers["retry-after"]) <= 60
    assert int(error.response.headers["retry-after-ms"]) <= 60_000


def refused(key, user):
    """What a client with its usual retries is told of a long answer, and how often it asked for it."""
    asked = []
    counting = openai.DefaultHttpxClient(event_hooks={"request": [asked.append]})
    headers = {"X-End-User-Id": user} if user else {}
    client = openai.OpenAI(
        base_url=BASE_URL, api_key=key, default_headers=headers, http_client=counting
    )
    with client, pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(
            model="scripted", messages=says("say hi"), max_completion_tokens=5000
        )
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert "retry-after" not in caught.value.response.headers
    assert "retry-after-ms" not in caught.value.response.headers
    return caught.value, len(asked)


def test_a_budget_that_is_used_up_is_told_once():
    error, asked = refused(TIGHT_KEY, None)
    assert not isinstance(error, openai.RateLimitError)
    assert (error.status_code, error.code, error.type) == (
        402,
        "budget_exceeded",
        "insufficient_quota",
    )
    details = error.body["details"]
    assert (details["layer"], details["scope"], details["unit"], details["limit"]) == (
        "project_tokens_day",
        "project",
        "tokens",
        3000,
    )
    assert asked == 1


def test_a_users_quota_that_is_used_up_is_told_once():
    error, asked = refused(TIGHT_KEY, name())
    assert (error.status_code, error.code, error.type) == (
        402,
        "quota_exceeded",
        "insufficient_quota",
    )
    assert error.body["details"]["limit"] == {"tokens_per_day": 2000}
    assert error.body["details"]["usage"] == {"tokens_today": 0}
    assert asked == 1


def test_a_limit_that_no_waiting_helps_against_is_told_once():
    error, asked = refused(HASTY_KEY, name())
    assert isinstance(error, openai.RateLimitError)
    assert (error.code, error.type) == ("rate_limited", "rate_limit_error")
    assert error.body["details"]["layer"] == "user_tokens_minute"
    assert asked == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_failing_provider_is_an_internal_server_error(client_without_retries, status):
    for stream in (False, True):
        with pytest.raises(openai.InternalServerError) as caught:
            client_without_retries.chat.completions.create(
                model="scripted", messages=says(f"fail {status}"), stream=stream
            )
        error = caught.value
        assert (error.status_code, error.code, error.type) == (
            502,
            "upstream_error",
            "server_error",
        )
        assert error.body["details"] == {"provider": "scripted", "status": status}
        assert "words of the provider" not in str(error.response.read())


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_provider_that_fails_once_is_asked_again_by_the_client(client, status):
    for stream in (False, True):
        unique = name()
        answer = client.chat.completions.create(
            model="scripted", messages=says(f"flaky {status} {unique}"), stream=stream
        )
        if stream:
            text = "".join(chunk.choices[0].delta.content or "" for chunk in answer)
        else:
            text = answer.choices[0].message.content
        assert text == f"{status} {unique}"
        assert seen(unique)["count"] == 2


def test_an_independent_provider_that_is_down(client_without_retries):
    with pytest.raises(openai.InternalServerError) as caught:
        client_without_retries.chat.completions.create(model="aimock", messages=says("break down"))
    assert caught.value.body["details"] == {"provider": "aimock", "status": 503}
    assert "provider's own" not in str(caught.value.response.read())


@pytest.mark.parametrize(
    "model, question", [("scripted", "cut it off here please"), ("aimock", "a story cut short")]
)
def test_a_stream_that_breaks(client, model, question):
    stream = client.chat.completions.create(model=model, messages=says(question), stream=True)
    pieces = []
    with pytest.raises(openai.APIError) as caught:
        for chunk in stream:
            pieces.append(chunk.choices[0].delta.content or "")
    assert "".join(pieces)
    assert (caught.value.code, caught.value.type) == ("upstream_error", "server_error")


def test_a_stream_that_is_left(client):
    unique = name()
    stream = client.chat.completions.create(
        model="scripted", messages=says(f"slow {unique}"), stream=True
    )
    for _, chunk in zip(range(5), stream):
        assert chunk.choices
    stream.close()
    eventually(lambda: seen(unique)["left"])


def test_an_async_stream_that_is_cancelled(new_async_client):
    unique = name()

    async def leave():
        async with new_async_client() as client:

            async def read():
                stream = await client.chat.completions.create(
                    model="scripted", messages=says(f"slow {unique}"), stream=True
                )
                async for _ in stream:
                    started.set()

            started = asyncio.Event()
            reading = asyncio.create_task(read())
            await started.wait()
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    asyncio.run(leave())
    eventually(lambda: seen(unique)["left"])


def test_a_request_that_the_client_gives_up(client_without_retries):
    unique = name()
    impatient = client_without_retries.with_options(timeout=0.3)
    with pytest.raises(openai.APITimeoutError):
        impatient.chat.completions.create(model="scripted", messages=says(f"hang {unique}"))
    eventually(lambda: seen(unique)["left"])


def test_an_end_user_that_may_not_be_named_so():
    client = openai.OpenAI(
        base_url=BASE_URL, api_key=KEY, default_headers={"X-End-User-Id": "admin"}
    )
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="scripted", messages=says("say hi"))
