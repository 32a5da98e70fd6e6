"""A provider of OpenAI's wire that does what the last user message says. Standard library only.

The message is `WORD`, or `WORD ARGUMENT ...`:
  say TEXT            answers TEXT
  flaky STATUS NAME   fails with STATUS the first time it hears NAME, then answers
  fail STATUS         always fails with STATUS
  slow NAME           streams a piece every 20 ms for a minute; remembers whether it was left
  hang NAME           says nothing until it is left, and remembers that it was
  cut                 streams two pieces and drops the connection
  weather ...         calls the tool `weather`, once for each city named
  look                counts the images that it was shown
Where the request asks for JSON by schema, the answer is a person as JSON.

`GET /seen/NAME` tells what was seen of the requests whose message held NAME.
"""

import json
import select
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HANG_SECONDS = 30
SEEN = {}
LOCK = threading.Lock()
PERSON = '{"name": "Ada", "age": 36, "languages": ["de", "fr"]}'
USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}


def text_of(message):
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return " ".join(part.get("text", "") for part in content)


def images_of(message):
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    return [part["image_url"]["url"] for part in parts if part.get("type") == "image_url"]


def answer_to(body):
    """The assistant's message, and why it ends."""
    last = body["messages"][-1]
    if last["role"] == "tool":
        results = [text_of(message) for message in body["messages"] if message["role"] == "tool"]
        return {"content": "The tools said: " + "; ".join(results)}, "stop"
    words = text_of(last).split()
    if words[:1] == ["weather"] and body.get("tools"):
        name = body["tools"][0]["function"]["name"]
        calls = [
            {
                "id": f"call_{at}",
                "type": "function",
                "function": {"name": name, "arguments": json.dumps({"city": city})},
            }
            for at, city in enumerate(words[1:])
        ]
        return {"content": None, "tool_calls": calls}, "tool_calls"
    if body.get("response_format", {}).get("type") == "json_schema":
        return {"content": PERSON}, "stop"
    if words[:1] == ["look"]:
        urls = images_of(last)
        return {"content": f"{len(urls)} images: " + ", ".join(url[:21] for url in urls)}, "stop"
    return {"content": " ".join(words[1:]) or "Hello!"}, "stop"


def deltas_of(message):
    """The message in pieces, as OpenAI streams it."""
    yield {"role": "assistant", "content": "" if message["content"] else None}
    for at, call in enumerate(message.get("tool_calls", [])):
        head = {"name": call["function"]["name"], "arguments": ""}
        yield {"tool_calls": [{**call, "index": at, "function": head}]}
        arguments = call["function"]["arguments"]
        for start in range(0, len(arguments), 4):
            piece = {"arguments": arguments[start : start + 4]}
            yield {"tool_calls": [{"index": at, "function": piece}]}
    content = message["content"] or ""
    for start in range(0, len(content), 5):
        yield {"content": content[start : start + 5]}


class Provider(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        with LOCK:
            seen = SEEN.get(self.path.rsplit("/", 1)[-1], {"count": 0})
            body = json.dumps(seen)
        self.send_json(200, body)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/v1/embeddings":
            return self.embed(body)
        words = text_of(body["messages"][-1]).split() or ["say"]
        names = {word: self.note(word, body) for word in words}
        if words[0] == "hang":
            return self.hang(words)
        if words[0] == "fail":
            return self.fail(int(words[1]))
        if words[0] == "flaky" and names[words[2]] == 1:
            return self.fail(int(words[1]))
        if not body.get("stream"):
            message, finish = answer_to(body)
            choice = {"index": 0, "message": {"role": "assistant", **message}, "logprobs": None}
            choice["finish_reason"] = finish
            return self.send_json(200, json.dumps(self.chunk("chat.completion", [choice], USAGE)))
        self.stream(body, words)

    def note(self, word, body):
        with LOCK:
            seen = SEEN.setdefault(word, {"count": 0, "left": False})
            seen["count"] += 1
            seen["headers"] = {name.lower(): value for name, value in self.headers.items()}
            seen["body"] = body
            return seen["count"]

    def hang(self, words):
        ready, _, _ = select.select([self.connection], [], [], HANG_SECONDS)
        left = bool(ready) and not self.connection.recv(1, socket.MSG_PEEK)
        self.close_connection = True
        self.leave(words, left)

    def leave(self, words, left):
        with LOCK:
            for word in words:
                SEEN[word]["left"] = left

    def fail(self, status):
        error = {"message": "words of the provider", "type": "x", "code": "y", "param": None}
        self.send_json(status, json.dumps({"error": error}))

    def embed(self, body):
        inputs = body["input"] if isinstance(body["input"], list) else [body["input"]]
        # 1.0 and -2.0 as little-endian floats of 32 bits.
        vector = "AACAPwAAAMA=" if body.get("encoding_format") == "base64" else [1.0, -2.0]
        data = [
            {"object": "embedding", "index": at, "embedding": vector} for at in range(len(inputs))
        ]
        usage = {"prompt_tokens": 3, "total_tokens": 3}
        answer = {"object": "list", "data": data, "model": body["model"], "usage": usage}
        self.send_json(200, json.dumps(answer))

    @staticmethod
    def chunk(kind, choices, usage):
        answer = {"id": "chatcmpl-1", "object": kind, "created": 1700000000, "model": "scripted"}
        answer["choices"] = choices
        if usage:
            answer["usage"] = usage
        return answer

    def stream(self, body, words):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            if words[0] == "slow":
                return self.slowly()
            message, finish = answer_to(body)
            for at, delta in enumerate(deltas_of(message)):
                if words[0] == "cut" and at == 2:
                    self.close_connection = True
                    return
                self.event(self.choice(delta, None))
            self.event(self.choice({}, finish))
            if (body.get("stream_options") or {}).get("include_usage"):
                self.event(self.chunk("chat.completion.chunk", [], USAGE))
            self.piece(b"data: [DONE]\n\n")
            self.piece(b"")
        except OSError:
            self.leave(words, True)
            self.close_connection = True

    def choice(self, delta, finish):
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return self.chunk("chat.completion.chunk", [choice], None)

    def slowly(self):
        self.event(self.choice({"role": "assistant", "content": ""}, None))
        for at in range(3000):
            self.event(self.choice({"content": f"{at} "}, None))
            time.sleep(0.02)

    def event(self, value):
        self.piece(b"data: " + json.dumps(value).encode() + b"\n\n")

    def piece(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def send_json(self, status, body):
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    sys.exit(server.serve_forever())
