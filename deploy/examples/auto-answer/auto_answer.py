#!/usr/bin/env python3
"""Answers people who write to the support account, and hands over to a person on duty.

The gateway tells of each message afterwards (message.sent). Known questions are answered from a list, a JSON object
{"opening hours": "9 to 5", …} of words to look for. Whoever asks for a person, or asks what is not in the list, is handed
over: from then on what they write goes to the person on duty who is online, and what that person writes back to the
support account goes to them, until the person writes "/done".

    auto_answer.py --gateway URL --app APP_ID --secret APP_SECRET --answers answers.json --duty ann,bob
                   [--support support] [--port 9101] [--address URL]

Every message it sends has an id made from the event's: an event that comes again sends nothing twice. What was handed
over is kept in memory; a restart begins with nobody handed over.
"""

import argparse
import json
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import pushgate

TEXT = 0
ASKS_FOR_A_PERSON = ("person", "human", "人工")
HANDED_OVER = "Someone will answer you in a moment."
NOBODY_THERE = "Nobody is there just now; someone will answer you later."


class Desk:
    def __init__(self, gateway, answers, duty, support):
        self.gateway, self.answers, self.duty = gateway, answers, duty
        self.support = self.account(support)
        self.duty_accounts = {self.account(user): user for user in duty}
        self.lock = threading.Lock()
        self.person_of = {}  # customer's account -> user on duty
        self.customer_of = {}  # user on duty -> the account they are writing with

    def account(self, user):
        return self.gateway.call("PUT", f"/v1/accounts/{user}", {})["account"]

    def handle(self, event, webhook_id):
        if event["type"] != "message.sent":
            return
        message = event["data"]["message"]
        if message["to"] != self.support or message["type"] != TEXT or not message.get("content"):
            return
        text, sender = message["content"]["text"], message["from"]
        with self.lock:
            if sender in self.duty_accounts:
                self.from_duty(self.duty_accounts[sender], text, webhook_id)
            else:
                self.from_customer(sender, text, webhook_id)

    def from_customer(self, customer, text, webhook_id):
        if customer in self.person_of:
            return self.send(f"user:{self.person_of[customer]}", text, webhook_id, customer=customer)
        lower = text.casefold()
        if not any(word in lower for word in ASKS_FOR_A_PERSON):
            for words, answer in self.answers.items():
                if words.casefold() in lower:
                    return self.send(customer, answer, webhook_id)
        person = self.person_on_duty()
        self.send(f"user:{person}", text, webhook_id, customer=customer)
        online = self.is_online(person)
        self.send(customer, HANDED_OVER if online else NOBODY_THERE, webhook_id + "-note")
        self.person_of[customer], self.customer_of[person] = person, customer

    def from_duty(self, person, text, webhook_id):
        customer = self.customer_of.get(person)
        if customer is None:
            return self.send(f"user:{person}", "Nobody is handed over to you.", webhook_id)
        if text.strip() == "/done":
            del self.customer_of[person], self.person_of[customer]
            return self.send(f"user:{person}", "Done.", webhook_id)
        self.send(customer, text, webhook_id)

    def person_on_duty(self):
        """Somebody who is there and has no customer; else somebody who is there; else the first."""
        there = [user for user in self.duty if self.is_online(user)]
        free = [user for user in there if user not in self.customer_of]
        return (free or there or self.duty)[0]

    def is_online(self, user):
        found = self.gateway.call("GET", f"/v1/presence?users={user}")["items"]
        return bool(found) and found[0]["online"]

    def send(self, to, text, webhook_id, customer=None):
        content = {"text": text}
        if customer:
            content["customer"] = customer  # whom it is about, for the app of the person on duty
        self.gateway.call("POST", "/v1/messages", {
            "id": f"desk-{webhook_id}", "from": self.support, "to": to, "type": TEXT, "content": content})


def run(gateway, answers, duty, support, port, address=None):
    """The running receiver, known to the gateway."""
    desk, secret = Desk(gateway, answers, duty, support), {}
    server = pushgate.serve(port, lambda: secret["value"], desk.handle)
    url = address or f"http://127.0.0.1:{server.server_port}/"
    gateway.call("DELETE", "/v1/settings/webhook")
    secret["value"] = gateway.call("PUT", "/v1/settings/webhook", {
        "url": url, "events": ["message.sent"], "beforeSend": False})["secret"]
    return server


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gateway", required=True)
    parser.add_argument("--app", required=True)
    parser.add_argument("--secret", required=True)
    parser.add_argument("--answers", required=True, type=Path)
    parser.add_argument("--duty", required=True, help="users with commas between them")
    parser.add_argument("--support", default="support", help="the user that people write to")
    parser.add_argument("--port", type=int, default=9101)
    parser.add_argument("--address", help="where the gateway reaches this service; default: this port of loopback")
    arguments = parser.parse_args()
    gateway = pushgate.Gateway(arguments.gateway, arguments.app, arguments.secret)
    run(gateway, json.loads(arguments.answers.read_text()), arguments.duty.split(","), arguments.support,
        arguments.port, arguments.address)
    print("answering", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
