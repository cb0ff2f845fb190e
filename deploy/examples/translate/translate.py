#!/usr/bin/env python3
"""Translates messages before they are sent.

The gateway asks about each message while its sender waits (message.before_send); this service answers with the text in
the other language. The words come from a phrase book, a JSON object {"hello": "你好", …}; put the translator you use in
the place of translate().

    translate.py --gateway URL --app APP_ID --secret APP_SECRET --phrases phrases.json [--port 9100] [--address URL]
"""

import argparse
import json
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import pushgate

TEXT = 0


class Translator:
    def __init__(self, phrases):
        self.phrases = {words.casefold(): other for words, other in phrases.items()}

    def translate(self, text):
        """The text in the other language, or None."""
        return self.phrases.get(text.strip().casefold())

    def answer(self, event, _):
        if event["type"] != "message.before_send":
            return None  # told afterwards: nothing to say
        message = event["data"]["message"]
        content = message.get("content") or {}
        translated = self.translate(content.get("text", "")) if message["type"] == TEXT else None
        if translated is None:
            return {"action": "allow"}
        # The original goes along: whoever reads it can see what was written.
        return {"action": "replace", "content": {**content, "text": translated, "original": content["text"]}}


def run(gateway, phrases, port, address=None):
    """The running receiver, known to the gateway."""
    secret = {}
    server = pushgate.serve(port, lambda: secret["value"], Translator(phrases).answer)
    url = address or f"http://127.0.0.1:{server.server_port}/"
    gateway.call("DELETE", "/v1/settings/webhook")
    # No event afterwards is of interest; an empty list says so.
    secret["value"] = gateway.call("PUT", "/v1/settings/webhook", {
        "url": url, "events": [], "beforeSend": True, "onFailure": "allow"})["secret"]
    return server


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gateway", required=True)
    parser.add_argument("--app", required=True)
    parser.add_argument("--secret", required=True)
    parser.add_argument("--phrases", required=True, type=Path)
    parser.add_argument("--port", type=int, default=9100)
    parser.add_argument("--address", help="where the gateway reaches this service; default: this port of loopback")
    arguments = parser.parse_args()
    gateway = pushgate.Gateway(arguments.gateway, arguments.app, arguments.secret)
    run(gateway, json.loads(arguments.phrases.read_text()), arguments.port, arguments.address)
    print("translating", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
