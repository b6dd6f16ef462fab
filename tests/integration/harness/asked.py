"""A bundled worker, what it is asked and what it answers."""

import http.client
import json

from . import process, prometheus, worker

JSON = {"Content-Type": "application/json"}
QUESTION = [{"role": "user", "content": "What is Sluice?"}]


class Asked:
    """A worker and its answers."""

    def __init__(self, t, *options):
        self.worker = worker.start(t, *options)

    def post(self, path, body, headers=None, raw=False):
        connection = http.client.HTTPConnection(self.worker.host, self.worker.port, timeout=process.PATIENCE)
        try:
            connection.request("POST", path, body if raw else json.dumps(body), {**JSON, **(headers or {})})
            response = connection.getresponse()
            text = response.read().decode()
            return response.status, text
        finally:
            connection.close()

    def answer(self, path, **body):
        status, text = self.post(path, body)
        assert status == 200, (status, text)
        return json.loads(text)

    def completion(self, **body):
        return self.answer("/v1/completions", **{"prompt": "Sluice is", "max_tokens": 5, **body})

    def chat(self, **body):
        return self.answer("/v1/chat/completions", **{"messages": QUESTION, "max_tokens": 5, **body})

    def frames(self, path, **body):
        status, text = self.post(path, {**body, "stream": True})
        assert status == 200, (status, text)
        lines = text.split("\n\n")
        assert lines[-2:] == ["data: [DONE]", ""], lines[-3:]
        return [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]

    def refused(self, path, says="", status=400, **body):
        got, text = self.post(path, body)
        assert got == status, (got, text)
        error = json.loads(text)["error"]
        assert error["code"] == status and error["message"] and error["type"], text
        assert says in text, text

    def metrics(self):
        return prometheus.Metrics(self.worker.get("/metrics")[1])


def text_of(frames, index=0):
    return "".join(c.get("text", c.get("delta", {}).get("content")) or ""
                   for f in frames for c in f["choices"] if c["index"] == index)
