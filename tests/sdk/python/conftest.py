"""Clients as their users make them: the base URL and the key are all that is ours."""

import json
import os
import time
import urllib.request

import openai
import pytest

BASE_URL = os.environ["BEHEST_URL"] + "/v1"
KEY = os.environ["BEHEST_KEY"]
LIMITED_KEY = os.environ["BEHEST_LIMITED_KEY"]
TIGHT_KEY = os.environ["BEHEST_TIGHT_KEY"]
HASTY_KEY = os.environ["BEHEST_HASTY_KEY"]


@pytest.fixture(params=["scripted", "aimock"])
def model(request):
    """Each of the two providers."""
    return request.param


@pytest.fixture
def client():
    with openai.OpenAI(base_url=BASE_URL, api_key=KEY) as client:
        yield client


@pytest.fixture
def client_without_retries():
    with openai.OpenAI(base_url=BASE_URL, api_key=KEY, max_retries=0) as client:
        yield client


@pytest.fixture
def new_async_client():
    return lambda: openai.AsyncOpenAI(base_url=BASE_URL, api_key=KEY)


def says(text):
    return [{"role": "user", "content": text}]


def seen(name):
    """What the scripted provider saw of requests whose message held this name."""
    with urllib.request.urlopen(f"{os.environ['SCRIPTED_URL']}/seen/{name}") as answer:
        return json.load(answer)


def eventually(look, seconds=10):
    """Looks again until there is something true to see."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return found
