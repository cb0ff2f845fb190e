"""A gateway of one's own, a small client of it, and signatures as a tenant's server makes them."""

import base64
import hashlib
import hmac
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import zlib


class Gateway:
    def __init__(self, url):
        self.url = url

    def _open(self, method, path, body=None, bearer=None):
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if bearer:
            headers["Authorization"] = "Bearer " + bearer
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            return urllib.request.urlopen(request, timeout=20)
        except urllib.error.HTTPError as error:
            return error

    def status(self, method, path):
        """The status, or 0 when nobody answers."""
        try:
            with self._open(method, path) as answer:
                return answer.status
        except OSError:
            return 0

    def text(self, path):
        with self._open("GET", path) as answer:
            return answer.read().decode()

    def call(self, method, path, body=None, bearer=None):
        """The answer as JSON. Raises an error for any but a 2xx."""
        with self._open(method, path, body, bearer) as answer:
            text = answer.read().decode()
            if not 200 <= answer.status < 300:
                raise RuntimeError(f"{method} {path}: {answer.status} {text}")
            return json.loads(text) if text else None


def _base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signature(app, user):
    """A user's signature: a JWT, good for an hour."""
    claims = {"iss": app["appId"], "sub": user, "iat": int(time.time()), "exp": int(time.time()) + 3600}
    text = ".".join(_base64url(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    return text + "." + _base64url(hmac.digest(app["signingKey"].encode(), text.encode(), hashlib.sha256))


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def start(executable, folder, token):
    """A gateway on free ports of loopback, once it is ready."""
    url = f"http://127.0.0.1:{free_port()}"
    log = open(folder / "gateway.log", "a")
    process = subprocess.Popen(
        [executable, "serve", "--data-dir", folder / "data", "--http", url.removeprefix("http://"),
         "--mqtt", f"127.0.0.1:{free_port()}", "--allow-private-endpoints", "--log-level", "warning"],
        stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, "PUSHGATE_ADMIN_TOKEN": token})
    gateway = Gateway(url)
    deadline = time.monotonic() + 30
    while gateway.status("GET", "/readyz") != 200:
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            sys.exit("The gateway did not become ready:\n" + (folder / "gateway.log").read_text())
        time.sleep(0.1)
    return process, gateway


def stop(process):
    """Whether it stopped in time when it was asked to."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(20)
        return True
    except subprocess.TimeoutExpired:
        process.kill()
        return False


def make_tenant(gateway, token, number):
    """A tenant with an app."""
    gateway.call("POST", "/v1/admin/tenants", {"tenantNo": number}, bearer=token)
    return gateway.call("POST", "/v1/admin/apps", {"tenantNo": number, "name": number}, bearer=token)


def user_sig(app, identifier):
    """A UserSig, version 2, good for an hour."""
    now = int(time.time())
    claims = [("identifier", identifier), ("sdkappid", app["sdkAppId"]), ("time", now), ("expire", 3600)]
    text = "".join(f"TLS.{name}:{value}\n" for name, value in claims)
    document = {"TLS.ver": "2.0"} | {f"TLS.{name}": value for name, value in claims}
    digest = hmac.digest(app["signingKey"].encode(), text.encode(), hashlib.sha256)
    document["TLS.sig"] = base64.b64encode(digest).decode()
    stream = zlib.compress(json.dumps(document).encode())
    return base64.b64encode(stream).decode().translate(str.maketrans("+/=", "*-_"))
