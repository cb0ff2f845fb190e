"""What a tenant's service needs of the gateway: its HTTP API, UserSigs, and webhooks whose signature was checked.

Python's own library is enough for all of it."""

import base64
import hashlib
import hmac
import json
import random
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Refused(Exception):
    """The gateway's answer was no. `code` is stable."""

    def __init__(self, status, code, detail):
        super().__init__(f"{status} {code}: {detail}")
        self.status, self.code = status, code


class Gateway:
    """The API as one app sees it. The access token is taken when it is needed, and again before it ends."""

    def __init__(self, url, app_id=None, app_secret=None, bearer=None):
        self.url = url.rstrip("/")
        self._app = (app_id, app_secret)
        self._token, self._token_ends = bearer, float("inf") if bearer else 0
        self._lock = threading.Lock()

    def call(self, method, path, body=None):
        return self._send(method, path, body, self._bearer())

    def _bearer(self):
        with self._lock:
            if time.time() > self._token_ends - 60:
                app_id, secret = self._app
                answer = self._send("POST", "/oauth/token", {
                    "grant_type": "client_credentials", "client_id": app_id, "client_secret": secret})
                self._token, self._token_ends = answer["access_token"], time.time() + answer["expires_in"]
            return self._token

    def _send(self, method, path, body=None, bearer=None):
        headers = {"Content-Type": "application/json"}
        if bearer:
            headers["Authorization"] = "Bearer " + bearer
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                text = answer.read()
                return json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            problem = json.loads(error.read() or b"{}")
            raise Refused(error.code, problem.get("code", ""), problem.get("detail", "")) from None


class TencentAPI:
    """The server API of Tencent's IM, at the gateway or anywhere else."""

    def __init__(self, url, sdk_app_id, key, identifier="administrator"):
        self.url, self.sdk_app_id, self.key, self.identifier = url.rstrip("/"), sdk_app_id, key, identifier

    def call(self, command, body):
        """`command` is service/command. Raises Refused with Tencent's ErrorCode."""
        query = urllib.parse.urlencode({
            "sdkappid": self.sdk_app_id, "identifier": self.identifier, "contenttype": "json",
            "usersig": user_sig(self.identifier, self.sdk_app_id, self.key), "random": random.randrange(1 << 32)})
        request = urllib.request.Request(f"{self.url}/v4/{command}?{query}", json.dumps(body).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=20) as answer:
            result = json.loads(answer.read())
        if result["ErrorCode"] != 0:
            raise Refused(200, result["ErrorCode"], result["ErrorInfo"])
        return result


def user_sig(identifier, sdk_app_id, key, lifetime=3600):
    """A UserSig, version 2."""
    now = int(time.time())
    text = f"TLS.identifier:{identifier}\nTLS.sdkappid:{sdk_app_id}\nTLS.time:{now}\nTLS.expire:{lifetime}\n"
    signature = base64.b64encode(hmac.digest(key.encode(), text.encode(), hashlib.sha256)).decode()
    document = json.dumps({
        "TLS.ver": "2.0", "TLS.identifier": identifier, "TLS.sdkappid": int(sdk_app_id), "TLS.time": now,
        "TLS.expire": lifetime, "TLS.sig": signature})
    return base64.b64encode(zlib.compress(document.encode()), altchars=b"*-").decode().replace("=", "_")


def is_signed(secret, headers, body):
    """Whether a webhook is the gateway's and fresh (Standard Webhooks 1.0)."""
    identifier, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not timestamp.isdecimal() or abs(time.time() - int(timestamp)) > 300:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    right = base64.b64encode(hmac.digest(key, f"{identifier}.{timestamp}.".encode() + body, hashlib.sha256)).decode()
    return any(hmac.compare_digest("v1," + right, one) for one in headers.get("webhook-signature", "").split())


def serve(port, secret, handle):
    """A receiver of webhooks on loopback. `handle(event, webhook_id)` gives the answer's object, or None for an empty
    one; what it raises is answered 500, and the gateway comes again. The secret is asked for, so that it may be made
    after the receiver listens."""

    class Receiver(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if not is_signed(secret(), self.headers, body):
                return self.answer(401)
            try:
                result = handle(json.loads(body), self.headers["webhook-id"])
            except Exception as error:  # whatever it is, the event has not been dealt with
                print(f"{self.headers['webhook-id']}: {error}", flush=True)
                return self.answer(500)
            self.answer(200, json.dumps(result if result is not None else {}).encode())

        def answer(self, status, body=b""):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
