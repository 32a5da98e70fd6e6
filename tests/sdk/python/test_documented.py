"""The calls that Behest's documents show: the key as bearer, and the end user in a header."""

import json
import os
import subprocess

import httpx
import openai
import requests

from conftest import BASE_URL, KEY, says, seen

URL = f"{BASE_URL}/chat/completions"
HEADERS = {
    "Authorization": f"Bearer {KEY}",
    "Content-Type": "application/json",
    "X-End-User-Id": "user_123",
    "X-Session-Id": "user-123-conv-7",
}


def body(text, **more):
    return {"model": "scripted", "messages": says(text), **more}


def curl(*arguments):
    command = ["curl", "-sS", "--max-time", "20", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout


def curl_headers():
    return [part for item in HEADERS.items() for part in ("-H", f"{item[0]}: {item[1]}")]


def test_curl():
    answer = curl("-X", "POST", URL, *curl_headers(), "-d", json.dumps(body("say curl")))
    assert json.loads(answer)["choices"][0]["message"]["content"] == "curl"


def test_curl_streams():
    answer = curl("-N", URL, *curl_headers(), "-d", json.dumps(body("say curl", stream=True)))
    assert answer.startswith("data: {") and answer.endswith("\n\ndata: [DONE]\n\n")


def test_curl_with_a_large_body_and_expect():
    # curl asks for a 100 before it sends this much.
    answer = subprocess.run(
        [
            "curl",
            "-sS",
            "--max-time",
            "20",
            URL,
            *curl_headers(),
            "-H",
            "Expect: 100-continue",
            "-d",
            "@-",
        ],
        input=json.dumps(body("say " + "x" * 2_000_000)),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert len(json.loads(answer)["choices"][0]["message"]["content"]) == 2_000_000


def test_curl_reads_errors():
    answer = curl("-w", "%{http_code}", URL, "-H", "Content-Type: application/json", "-d", "{}")
    assert answer.endswith("401") and json.loads(answer[:-3])["error"]["code"] == "invalid_token"


def test_curl_by_the_projects_host():
    port = BASE_URL.split(":")[2].split("/")[0]
    host = f"amber-fox-042.behest.localhost:{port}"
    answer = curl(
        "--resolve",
        f"{host}:127.0.0.1",
        f"http://{host}/v1/chat/completions",
        *curl_headers(),
        "-d",
        json.dumps(body("say host")),
    )
    assert json.loads(answer)["choices"][0]["message"]["content"] == "host"


def test_requests():
    answer = requests.post(URL, headers=HEADERS, json=body("say requests"), timeout=20)
    assert answer.status_code == 200
    assert answer.json()["choices"][0]["message"]["content"] == "requests"
    assert answer.headers["X-RateLimit-Remaining"].isdigit()


def test_requests_streams():
    with requests.post(
        URL, headers=HEADERS, json=body("say requests", stream=True), stream=True, timeout=20
    ) as answer:
        lines = [line for line in answer.iter_lines(decode_unicode=True) if line]
    assert all(line.startswith("data: ") for line in lines) and lines[-1] == "data: [DONE]"


def test_requests_reads_the_refusal_of_a_large_body():
    answer = requests.post(URL, headers=HEADERS, data=b"x" * 5_000_000, timeout=20)
    assert (answer.status_code, answer.json()["code"]) == (413, "validation_error")


def test_httpx():
    with httpx.Client(headers=HEADERS, timeout=20) as client:
        answer = client.post(URL, json=body("say httpx"))
        assert answer.json()["choices"][0]["message"]["content"] == "httpx"
        with client.stream("POST", URL, json=body("say httpx", stream=True)) as answer:
            lines = [line for line in answer.iter_lines() if line]
        assert lines[-1] == "data: [DONE]"


def test_behests_own_parser_of_streams():
    """Behest's clients split events at a bare LF LF, and read `data: ` lines as JSON."""
    answer = httpx.post(
        URL, headers={**HEADERS, "Accept": "text/event-stream"}, json=body("say own", stream=True)
    )
    text = ""
    for event in answer.text.split("\n\n"):
        data = event.removeprefix("data: ")
        if data and data != "[DONE]":
            text += json.loads(data)["choices"][0]["delta"].get("content") or ""
    assert text == "own"


def test_behests_older_client():
    """It is OpenAI's client with the key as bearer and the end user in a header."""
    client = openai.OpenAI(
        base_url=BASE_URL, api_key=KEY, default_headers={"X-End-User-Id": "user_123"}
    )
    answer = client.chat.completions.create(**body("say older-client"))
    assert answer.choices[0].message.content == "older-client"
    assert "x-end-user-id" not in seen("older-client")["headers"]


def test_what_an_independent_provider_was_sent():
    requests.post(
        URL,
        headers=HEADERS,
        json={**body("journal"), "model": "aimock", "stream": True},
        timeout=20,
    )
    journal = requests.get(f"{os.environ['AIMOCK_URL']}/__aimock/journal", timeout=20).json()
    entry = next(entry for entry in journal if "journal" in json.dumps(entry["body"]))
    assert (entry["method"], entry["path"]) == ("POST", "/v1/chat/completions")
    assert entry["body"]["stream_options"] == {"include_usage": True}
    assert not {"x-end-user-id", "x-session-id", "x-forwarded-for"} & {
        name.lower() for name in entry["headers"]
    }
