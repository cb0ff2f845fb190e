"""Runs every example against a gateway of its own. deploy/check-examples calls this."""

import contextlib
import io
import json
import os
import secrets
import sys
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

here = Path(__file__).resolve().parent
for folder in (here, here / "translate", here / "auto-answer", here / "tencent-migration", here.parent / "api-check"):
    sys.path.insert(0, str(folder))
import auto_answer
import migrate
import pushgate
import translate
import world

TEXT = 0


class Person:
    """A user with a device that talks HTTP."""

    def __init__(self, gateway, app, user):
        self.gateway, self.user = gateway, user
        answer = gateway.call("POST", "/v1/devices", {"uniqueCode": f"phone of {user}", "userId": user, "osType": 2},
                              bearer=world.signature(app, user))
        self.credential, self.account, self.seq = answer["credential"], answer["account"], answer["seq"]

    def send(self, to, text):
        identifier = "m-" + secrets.token_hex(8)
        return self.gateway.call("POST", "/v1/messages", {
            "id": identifier, "to": to, "type": TEXT, "content": {"text": text}}, bearer=self.credential)

    def next(self, count=1):
        """What arrives next, without what this person wrote."""
        found, deadline = [], time.monotonic() + 20
        while len(found) < count:
            assert time.monotonic() < deadline, f"{self.user} has {found}, expected {count}"
            page = self.gateway.call("GET", f"/v1/messages/sync?after={self.seq}", bearer=self.credential)
            for item in page["items"]:
                self.seq = item["seq"]
                if item["from"] != self.account and item["type"] == TEXT:
                    found.append(item["content"])
            time.sleep(0 if page["items"] else 0.05)
        return found if count > 1 else found[0]


class Examples(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        os.chmod(cls.folder.name, 0o711)  # the broker's user has to pass through
        cls.token = "check-" + secrets.token_hex(24)
        cls.process, cls.gateway = world.start(os.environ["PUSHGATE"], Path(cls.folder.name), cls.token)

    @classmethod
    def tearDownClass(cls):
        stopped = world.stop(cls.process)
        cls.folder.cleanup()
        assert stopped, "the gateway did not stop within 20 s"

    def tenant(self):
        app = world.make_tenant(self.gateway, self.token, "t" + secrets.token_hex(4))
        return app, pushgate.Gateway(self.gateway.url, app["appId"], app["appSecret"])

    def receiver(self, server):
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)

    def test_translate(self):
        app, api = self.tenant()
        ann, bob = Person(self.gateway, app, "ann"), Person(self.gateway, app, "bob")
        self.receiver(translate.run(api, {"Good morning": "早上好"}, 0))
        ann.send(bob.account, "good morning ")
        self.assertEqual(bob.next(), {"text": "早上好", "original": "good morning "})
        ann.send(bob.account, "Nobody knows this")
        self.assertEqual(bob.next(), {"text": "Nobody knows this"})

    def test_translate_service_gone(self):
        app, api = self.tenant()
        ann, bob = Person(self.gateway, app, "ann"), Person(self.gateway, app, "bob")
        server = translate.run(api, {"hello": "你好"}, 0)
        server.shutdown()
        server.server_close()
        ann.send(bob.account, "hello")
        self.assertEqual(bob.next(), {"text": "hello"})

    def test_auto_answer(self):
        app, api = self.tenant()
        carl, duty = Person(self.gateway, app, "carl"), Person(self.gateway, app, "dora")
        self.receiver(auto_answer.run(api, {"opening hours": "9 to 5"}, ["dora"], "support", 0))
        support = api.call("GET", "/v1/accounts/support")["account"]
        carl.send(support, "What are your Opening Hours?")
        self.assertEqual(carl.next()["text"], "9 to 5")
        carl.send(support, "I want a human")
        self.assertEqual(duty.next(), {"text": "I want a human", "customer": carl.account})
        self.assertIn(carl.next()["text"], (auto_answer.HANDED_OVER, auto_answer.NOBODY_THERE))
        duty.send(support, "Dora here, hello")
        self.assertEqual(carl.next()["text"], "Dora here, hello")
        carl.send(support, "opening hours are what I know")  # not answered by the list any more
        self.assertEqual(duty.next()["text"], "opening hours are what I know")
        duty.send(support, "/done")
        self.assertEqual(duty.next()["text"], "Done.")
        carl.send(support, "opening hours")
        self.assertEqual(carl.next()["text"], "9 to 5")

    def test_only_signed_webhooks(self):
        secret = "whsec_" + "QUFB" * 8
        server = pushgate.serve(0, lambda: secret, lambda event, identifier: {"action": "allow"})
        self.receiver(server)
        forged = pushgate.Gateway(f"http://127.0.0.1:{server.server_port}", bearer="none")
        with self.assertRaises(pushgate.Refused) as refusal:
            forged.call("POST", "/", {"type": "message.before_send"})
        self.assertEqual(refusal.exception.status, 401)

    def run_migrate(self, *arguments):
        said = io.StringIO()
        with mock.patch.object(sys, "argv", ["migrate.py", *arguments]), contextlib.redirect_stdout(said), \
                self.assertRaises(SystemExit) as ended:
            migrate.main()
        return ended.exception.code, said.getvalue()

    def test_migration(self):
        number, key = 1_400_777_000 + secrets.randbelow(1000), secrets.token_hex(32)
        where = ["--gateway", self.gateway.url, "--sdkappid", str(number), "--key", key]
        with mock.patch.dict(os.environ, PUSHGATE_ADMIN_TOKEN=self.token):
            for _ in range(2):  # a repeat changes nothing
                code, said = self.run_migrate("app", *where, "--tenant", "moved")
                self.assertEqual(code, 0, said)
        folder = Path(self.folder.name)
        (folder / "accounts.txt").write_text("".join(f"user{index}\n" for index in range(250)))
        code, said = self.run_migrate("accounts", *where, str(folder / "accounts.txt"))
        self.assertEqual((code, said), (0, "250 accounts are there, 0 were refused\n"))
        messages = [{
            "From_Account": f"user{index % 2}", "To_Account": f"user{1 - index % 2}", "MsgSeq": index,
            "MsgRandom": 1000 + index, "MsgTimeStamp": 1_600_000_000 + index,
            "MsgBody": [{"MsgType": "TIMTextElem", "MsgContent": {"Text": f"number {index}"}}]}
            for index in range(60)]
        # As it is downloaded, the newest first.
        lines = [json.dumps(message) for message in reversed(messages)] + ["{}", json.dumps({**messages[0], "To_Account": "x"})]
        (folder / "history.jsonl").write_text("\n".join(lines))
        for _ in range(2):
            code, said = self.run_migrate("history", *where, str(folder / "history.jsonl"))
            self.assertEqual(code, 1)
            self.assertIn("60 messages are there, 2 were refused", said)
            self.assertIn("line 61:", said)
            self.assertIn("line 62: 200 20003", said)
        api = pushgate.TencentAPI(self.gateway.url, number, key)
        found, last = [], {"MaxTime": int(time.time())}
        while True:  # a page holds 13 KB at most
            page = api.call("openim/admin_getroammsg", {
                "Operator_Account": "user0", "Peer_Account": "user1", "MaxCnt": 100, "MinTime": 0, **last})
            found = [item["MsgSeq"] for item in page["MsgList"]] + found
            if page["Complete"] == 1:
                break
            last = {"MaxTime": page["LastMsgTime"], "LastMsgKey": page["LastMsgKey"]}
        self.assertEqual(found, list(range(60)))


if __name__ == "__main__":
    unittest.main(verbosity=2)
