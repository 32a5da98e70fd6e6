"""What goes well, against both providers where both can do it."""

import asyncio
import json

import openai
import pydantic
import pytest

from conftest import says, seen

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}
PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
SAID = {
    "scripted": ("say Hello, wörld 😀", "Hello, wörld 😀"),
    "aimock": ("hi", "Hello from aimock."),
}


class Person(pydantic.BaseModel):
    name: str
    age: int
    languages: list[str]


def test_a_whole_answer(client, model):
    question, expected = SAID[model]
    completion = client.chat.completions.create(model=model, messages=says(question))
    assert completion.choices[0].message.content == expected
    assert completion.choices[0].finish_reason == "stop"
    assert (
        completion.usage.total_tokens
        == completion.usage.prompt_tokens + completion.usage.completion_tokens
    )
    assert len(completion._request_id) >= 16


def test_a_stream(client, model):
    question, expected = SAID[model]
    stream = client.chat.completions.create(model=model, messages=says(question), stream=True)
    chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == expected
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all(chunk.usage is None for chunk in chunks), "nobody asked for usage"


def test_a_stream_with_usage(client, model):
    question, _ = SAID[model]
    options = {"include_usage": True}
    stream = client.chat.completions.create(
        model=model, messages=says(question), stream=True, stream_options=options
    )
    chunks = list(stream)
    assert chunks[-1].choices == [] and chunks[-1].usage.total_tokens > 0


def test_the_streaming_helper(client, model):
    question, expected = SAID[model]
    with client.chat.completions.stream(model=model, messages=says(question)) as stream:
        text = "".join(event.delta for event in stream if event.type == "content.delta")
        assert text == expected
        assert stream.get_final_completion().choices[0].message.content == expected


@pytest.mark.parametrize("named", ["", "default"])
def test_the_projects_model(client, named):
    completion = client.chat.completions.create(model=named, messages=says("say yes"))
    assert completion.choices[0].message.content == "yes"


def calls_of(message):
    return [
        (call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls
    ]


def test_parallel_tool_calls_and_their_results(client, model):
    messages = says("weather Berlin Paris")
    asked = client.chat.completions.create(
        model=model, messages=messages, tools=[WEATHER], parallel_tool_calls=True
    )
    choice = asked.choices[0]
    assert choice.finish_reason == "tool_calls"
    assert calls_of(choice.message) == [
        ("weather", {"city": "Berlin"}),
        ("weather", {"city": "Paris"}),
    ]
    messages.append(choice.message)
    for call in choice.message.tool_calls:
        messages.append({"role": "tool", "tool_call_id": call.id, "content": f"sunny {call.id}"})
    told = client.chat.completions.create(model=model, messages=messages, tools=[WEATHER])
    content = told.choices[0].message.content
    assert content in ("The tools said: sunny call_0; sunny call_1", "Sunny in both.")


def test_streamed_parallel_tool_calls(client, model):
    with client.chat.completions.stream(
        model=model, messages=says("weather Berlin Paris"), tools=[WEATHER]
    ) as stream:
        done = [event for event in stream if event.type == "tool_calls.function.arguments.done"]
        message = stream.get_final_completion().choices[0].message
    assert [event.index for event in done] == [0, 1]
    assert calls_of(message) == [("weather", {"city": "Berlin"}), ("weather", {"city": "Paris"})]


def test_json_by_schema(client, model):
    completion = client.chat.completions.parse(
        model=model, messages=says("a person"), response_format=Person
    )
    expected = Person(name="Ada", age=36, languages=["de", "fr"])
    assert completion.choices[0].message.parsed == expected
    with client.chat.completions.stream(
        model=model, messages=says("a person"), response_format=Person
    ) as stream:
        assert stream.get_final_completion().choices[0].message.parsed == expected


def test_images_in_parts(client):
    url = "https://example.com/picture.png"
    parts = [{"type": "text", "text": "look images-in-parts"}]
    parts += [
        {"type": "image_url", "image_url": {"url": at, "detail": "low"}} for at in (PIXEL, url)
    ]
    messages = [{"role": "user", "content": parts}]
    completion = client.chat.completions.create(model="scripted", messages=messages)
    assert completion.choices[0].message.content.startswith(
        "2 images: data:image/png;base64, https://example.c"
    )
    assert seen("images-in-parts")["body"]["messages"] == messages


def test_everything_else_reaches_the_provider_and_nothing_of_the_client_does(client):
    client.chat.completions.create(
        model="scripted",
        messages=says("say everything-else"),
        temperature=0.5,
        top_p=0.9,
        seed=7,
        stop=["x"],
        logit_bias={"50256": -100},
        max_completion_tokens=9,
        extra_body={"a_new_member": {"x": [1.5, None]}, "thread_id": "t", "tier": 2},
        extra_headers={"X-End-User-Id": "user-1", "X-Session-Id": "s-1"},
    )
    request = seen("everything-else")
    body = {
        "model": "scripted",
        "temperature": 0.5,
        "top_p": 0.9,
        "seed": 7,
        "stop": ["x"],
        "logit_bias": {"50256": -100},
        "max_completion_tokens": 9,
        "a_new_member": {"x": [1.5, None]},
        "messages": says("say everything-else"),
    }
    assert request["body"] == body
    assert request["headers"]["authorization"] == "Bearer sk-of-the-provider"
    assert not [
        name
        for name in request["headers"]
        if name.startswith(("x-stainless", "x-end", "x-session"))
    ]


def test_async(new_async_client, model):
    question, expected = SAID[model]

    async def ask():
        async with new_async_client() as client:

            async def whole():
                done = await client.chat.completions.create(model=model, messages=says(question))
                return done.choices[0].message.content

            async def streamed():
                stream = await client.chat.completions.create(
                    model=model, messages=says(question), stream=True
                )
                return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

            # Many at once, over the connections that the client keeps.
            return await asyncio.gather(
                *[whole() for _ in range(10)], *[streamed() for _ in range(10)]
            )

    assert asyncio.run(ask()) == [expected] * 20


def test_a_long_stream_keeps_every_character(client):
    stream = client.chat.completions.create(
        model="aimock", messages=says("a long story"), stream=True
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
    assert (
        text.startswith("Once upon") and "Ünïcödé and 😀" in text and text.endswith("whole story.")
    )


def test_models(client):
    assert [model.id for model in client.models.list()] == ["scripted", "aimock"]
    assert client.models.retrieve("aimock").id == "aimock"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("none")


def test_embeddings(client):
    # The client asks for base64 by default, and for lists where it is told to.
    answer = client.embeddings.create(model="scripted", input=["a", "b"])
    assert [item.embedding for item in answer.data] == [[1.0, -2.0]] * 2
    answer = client.embeddings.create(model="scripted", input="a", encoding_format="float")
    assert answer.data[0].embedding == [1.0, -2.0]
    answer = client.embeddings.create(model="aimock", input="hi")
    assert answer.data[0].embedding == [0.5, -0.25, 1.0]


def test_headers_of_an_answer(client):
    answer = client.chat.completions.with_raw_response.create(
        model="scripted", messages=says("say hi")
    )
    headers = answer.headers
    assert headers["x-request-id"] == headers["x-trace-id"]
    assert int(headers["x-ratelimit-limit"]) == 1_000_000
    assert int(headers["x-ratelimit-remaining"]) < 1_000_000
    assert int(headers["x-ratelimit-reset"]) > 1_700_000_000
    assert headers["content-type"] == "application/json"
    assert answer.parse().choices[0].message.content == "hi"
    with client.chat.completions.with_streaming_response.create(
        model="scripted", messages=says("say hi"), stream=True
    ) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-cache"
        assert list(answer.iter_lines())[-2:] == ["data: [DONE]", ""]
