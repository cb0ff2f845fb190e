"""What Schemathesis cannot know: credentials, and names that exist.

Most valid requests are completed with things that are there (users, groups, messages), so that they reach further than
404. What ends a credential or sets a limit goes to things that were made for it.
"""

import atexit
import json
import os
import random
from collections import Counter, defaultdict
from pathlib import Path

import schemathesis
from tencent import command
from world import Gateway, signature, user_sig

STATE = json.loads(Path(os.environ["CHECK_API_STATE"]).read_text())
DOCUMENT = json.loads(Path(os.environ["CHECK_API_STATE"]).with_name("document.json").read_text())
CHANCE = random.Random(STATE["seed"])
GATEWAY = Gateway(STATE["url"])
# None of those that the document has in its examples: they may be deleted.
USERS = ["anna", "bert", "cleo"]
ENDING = ("endDevice", "kickAccount", "deleteAccount")


def access_token(app):
    body = {"grant_type": "client_credentials", "client_id": app["appId"], "client_secret": app["appSecret"]}
    return GATEWAY.call("POST", "/oauth/token", body)["access_token"]


class World:
    """What there is at the gateway."""

    def __init__(self):
        self.count = 0
        self.app = access_token(STATE["app"])
        self.spare = access_token(STATE["spare"])
        self.devices = [self.device(user, f"phone of {user}") for user in USERS]
        self.accounts = [device["account"] for device in self.devices]
        # vendor, tenant and secret of the address that a phone maker would report to
        honor = GATEWAY.call(
            "PUT", "/v1/settings/push/honor", {"appId": "1", "clientId": "c", "clientSecret": "s"}, bearer=self.app)
        self.receipts = honor["receiptUrl"].split("/")[-3:]
        # Nobody listens there; nothing leaves this machine.
        GATEWAY.call("PUT", "/v1/settings/webhook", {"url": "http://127.0.0.1:9/events"}, bearer=self.app)
        self.groups = []
        self.messages = []
        self.broadcasts = []
        self.cursors = []

    def new_name(self, kind):
        self.count += 1
        return f"{kind}-{self.count}"

    def device(self, user, code):
        body = {"uniqueCode": code, "osType": 2}
        return GATEWAY.call("POST", "/v1/devices", body, bearer=signature(STATE["app"], user))

    def tenant(self):
        """The token of an app in a tenant of its own."""
        body = {"tenantNo": self.new_name("own")}
        GATEWAY.call("POST", "/v1/admin/tenants", body, bearer=STATE["operator"])
        return access_token(GATEWAY.call("POST", "/v1/admin/apps", body, bearer=STATE["operator"]))

    def group(self):
        if not self.groups or CHANCE.random() < 0.1:
            body = {"groupId": self.new_name("team"), "users": USERS}
            self.groups.append(GATEWAY.call("POST", "/v1/groups", body, bearer=self.app)["groupId"])
        return CHANCE.choice(self.groups)

    def message(self):
        """From the first device's account, to the second's or a group of both."""
        to = self.accounts[1]
        if CHANCE.random() < 0.3:
            to = self.group()
            GATEWAY.call("PUT", f"/v1/groups/{to}/members", {"users": USERS}, bearer=self.app)
        body = {"id": self.new_name("m"), "from": self.accounts[0], "to": to, "type": 0, "content": {"text": "…"}}
        return GATEWAY.call("POST", "/v1/messages", body, bearer=self.app)["id"]

    def broadcast(self):
        body = {"id": self.new_name("b"), "audience": {"all": True}, "type": 0, "content": {"text": "…"}}
        return GATEWAY.call("POST", "/v1/messages", body, bearer=self.app)["id"]


WORLD = World()
GATEWAY.call("POST", "/v1/admin/tenants", {"tenantNo": "acme"}, bearer=STATE["operator"])
STATUSES = defaultdict(Counter)


@atexit.register
def write_statuses():
    Path(os.environ["CHECK_API_STATUSES"]).write_text(json.dumps(STATUSES))


def identifier(case):
    return case.operation.definition.raw.get("operationId", "")


def likely(share):
    return CHANCE.random() < share


# Credentials


def bearer_for(case, name):
    """A credential that the operation accepts, now and then another one."""
    ways = [way for way in case.operation.definition.raw.get("security", []) if way]
    if likely(0.05):
        return CHANCE.choice([None, "none", WORLD.app, WORLD.devices[0]["credential"], STATE["operator"]])
    if not ways or "client" in ways[0]:
        return None
    if name in ("setLimits", "getLimits"):
        return WORLD.tenant()
    if name.endswith("PushSettings"):
        return WORLD.spare
    if name in ("deleteWebhook", "setWebhook"):
        return WORLD.tenant()
    way = CHANCE.choice(ways)
    if "user" in way:
        return signature(STATE["app"], CHANCE.choice(USERS + [WORLD.new_name("user")]))
    if "device" in way:
        return CHANCE.choice(WORLD.devices)["credential"]
    if "operator" in way:
        if "tenant" in way:
            case.headers["X-Tenant"] = "main"
        return STATE["operator"]
    return WORLD.app


# Requests


def is_valid(case):
    return case.meta is None or case.meta.generation.mode.is_positive


def complete(case, name):
    """Puts things that are there into a valid request. Returns the credential when only one will do."""
    bearer = None
    path = dict(case.path_parameters or {})
    if "tenantNo" in path:
        path["tenantNo"] = "acme"
    if "appId" in path:
        path["appId"] = GATEWAY.call(
            "POST", "/v1/admin/apps", {"tenantNo": "spare"}, bearer=STATE["operator"])["appId"]
    if name == "setPushSettings":
        path["vendor"] = "webhook"
    if name == "takeVendorReceipts":
        path["vendor"], path["tenantNo"], path["secret"] = WORLD.receipts
        case.body = {"statuses": []}
    if "tag" in path:
        path["tag"] = CHANCE.choice(["red", "green"])
    if "peer" in path:
        path["peer"] = CHANCE.choice([WORLD.accounts[0], WORLD.group()])
        bearer = WORLD.devices[1]["credential"] if likely(0.7) else None
    if "{id}" in case.path:
        if "/groups/" in case.path:
            path["id"] = WORLD.group()
        elif "/broadcasts/" in case.path:
            path["id"] = CHANCE.choice(WORLD.broadcasts) if WORLD.broadcasts and likely(0.3) else WORLD.broadcast()
        else:
            path["id"] = CHANCE.choice(WORLD.messages) if WORLD.messages and likely(0.3) else WORLD.message()
            if name == "burnMessage":
                bearer = WORLD.devices[1]["credential"]
            elif likely(0.5):
                bearer = WORLD.app if likely(0.5) else WORLD.devices[0]["credential"]
    if "userId" in path:
        if name in ENDING:
            path["userId"] = WORLD.new_name("leaver")
            device = WORLD.device(path["userId"], path["userId"])
            if "deviceId" in path:
                path["deviceId"] = device["deviceId"]
        else:
            path["userId"] = CHANCE.choice(USERS + [WORLD.new_name("user")])
    if name == "runTencentCommand":
        path["service"], path["command"], case.body = command(CHANCE, USERS)
    if path:
        case.path_parameters = path
    complete_query(case, name)
    if isinstance(case.body, dict) and name != "runTencentCommand":
        case.body = complete_body(case.body, name)
    return bearer


def complete_query(case, name):
    query = dict(case.query or {})
    if "cursor" in query:
        query["cursor"] = CHANCE.choice(WORLD.cursors) if WORLD.cursors and likely(0.5) else ""
    if name in ("getHistory", "getUnread", "readConversation"):
        query["account"] = CHANCE.choice(["user:anna", WORLD.accounts[1]])
    for key, value in {
        "with": CHANCE.choice([WORLD.accounts[1], "user:bert"]), "key": CHANCE.choice(WORLD.messages or ["none"]),
        "users": ",".join(USERS), "tenantNo": "main", "app": STATE["spare"]["appId"],
    }.items():
        if key in query:
            query[key] = value
    if "after" in query:
        query["after"] = CHANCE.randrange(4)
    if name == "runTencentCommand":
        sig = user_sig(STATE["app"], "administrator")
        query |= {"sdkappid": STATE["app"]["sdkAppId"], "identifier": "administrator", "usersig": sig}
    case.query = query


def complete_body(body, name):
    body = dict(body)
    if "messages" in body and isinstance(body["messages"], list):
        sender = {"from": "user:anna"} if name == "importMessages" else {}
        body["messages"] = [
            complete_message(message) | sender for message in body["messages"][:20] if isinstance(message, dict)
        ] or [complete_message({}) | sender]
    if "content" in body and name != "updateMessage":
        body = complete_message(body)
    if name == "updateMessage":
        body["content"] = {"text": "Changed"}
    if name == "createAccessToken":
        body |= {"client_id": STATE["app"]["appId"], "client_secret": STATE["app"]["appSecret"]}
        body.pop("scope", None)
    if name == "registerDevice":
        body.pop("userId", None)
    if "tenantNo" in body and name in ("createApp", "createTenant"):
        body["tenantNo"] = "spare" if name == "createApp" else WORLD.new_name("tenant")
    if "sdkAppId" in body:
        body["sdkAppId"] = 1_000_000 + WORLD.count
    if "groupId" in body:
        body["groupId"] = WORLD.new_name("made")
    if "users" in body and isinstance(body["users"], list):
        body["users"] = CHANCE.sample(USERS + [WORLD.new_name("user")], CHANCE.randrange(1, 4))
    if name == "setWebhook":
        body["url"] = "http://127.0.0.1:9/events"
        body.pop("secret", None)
    if name == "replayEvents":
        body = {"after": ""} if likely(0.5) else {"since": 0}
    if name == "setPushSettings":
        # Nobody listens there; nothing leaves this machine.
        body = {"url": "http://127.0.0.1:9/in"}
    return body


def complete_message(message):
    message = dict(message)
    for key in ("tenantNo", "from", "target", "audience"):
        if likely(0.9):
            message.pop(key, None)
    message["id"] = CHANCE.choice(WORLD.messages) if WORLD.messages and likely(0.1) else WORLD.new_name("sent")
    if isinstance(message.get("audience"), dict):
        message.pop("to", None)
        message["audience"] = CHANCE.choice(
            [{"users": USERS}, {"groups": [WORLD.group()]}, {"tags": {"any": ["red"]}}, {"all": True}])
    else:
        message["to"] = CHANCE.choice(WORLD.accounts + [WORLD.group(), "user:bert"])
    content = {0: {"text": "…"}, 1: {"storageId": "s"}, 5: {"title": "t"}, 7: {"status": "invite"}, 9: {}}
    message["type"] = CHANCE.choice(list(content))
    message["content"] = content[message["type"]]
    return message


@schemathesis.hook
def filter_case(context, case):
    """A word that is an operation of its own is no message id; a longer request line is refused before it is read."""
    reserved = DOCUMENT["components"]["schemas"]["MessageId"]["not"]["enum"]
    return (case.path_parameters or {}).get("id") not in reserved and len(str(case.query)) < 8000


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """A member that is null counts as absent, whatever its schema says, and a list's messages are refused one by one.
    Tencent's refusals have status 200."""
    if type(failure).__name__ != "AcceptedNegativeData":
        return True
    return not holds_null(case.body) and identifier(case) not in (
        "sendMessages", "importMessages", "runTencentCommand")


def holds_null(value):
    if isinstance(value, (dict, list)):
        return any(holds_null(part) for part in (value.values() if isinstance(value, dict) else value))
    return value is None


def keep_what_others_need(case, name):
    """Names that were taken from an answer (or guessed) end, disable or rotate nothing that later requests need."""
    path = dict(case.path_parameters or {})
    if name in ENDING and path.get("userId") in USERS:
        path["userId"] = "nobody"
    is_change = case.path.startswith("/v1/admin/") and case.method != "GET"
    if is_change and path.get("tenantNo") in ("main", "spare"):
        path["tenantNo"] = "acme"
    if is_change and path.get("appId") in (STATE["app"]["appId"], STATE["spare"]["appId"]):
        path["appId"] = "nothing"
    if path:
        case.path_parameters = path


@schemathesis.hook
def before_call(context, case, kwargs):
    name = identifier(case)
    bearer = complete(case, name) if is_valid(case) and likely(0.85) else None
    keep_what_others_need(case, name)
    if name == "deregisterDevice":
        bearer = WORLD.device("leaver", WORLD.new_name("phone"))["credential"]
    if bearer is None:
        bearer = bearer_for(case, name)
    if bearer is not None:
        case.headers["Authorization"] = "Bearer " + bearer


@schemathesis.hook
def after_call(context, case, response):
    name = identifier(case)
    refusal = response.json()["ErrorCode"] if name == "runTencentCommand" and response.status_code == 200 else 0
    STATUSES[name]["400" if refusal else str(response.status_code)] += 1
    if not 200 <= response.status_code < 300:
        return
    if name == "deleteGroup":
        gone = case.path_parameters["id"]
        WORLD.groups = [group for group in WORLD.groups if group != gone]
    if name == "sendMessage":
        kept = WORLD.broadcasts if response.status_code == 202 else WORLD.messages
        kept.append(response.json()["id"])
        del kept[:-50]
    if "/json" in (response.headers.get("content-type") or [""])[0]:
        cursor = response.json().get("nextCursor")
        if cursor:
            WORLD.cursors.append(cursor)
            del WORLD.cursors[:-20]


# Answers


def resolve(schema):
    while "$ref" in schema:
        target = DOCUMENT
        for key in schema["$ref"].removeprefix("#/").split("/"):
            target = target[key]
        schema = target
    return schema


def parts(schema):
    """The schemas that a value may take its members from."""
    schema = resolve(schema)
    yield schema
    for key in ("allOf", "anyOf", "oneOf"):
        for part in schema.get(key, []):
            yield from parts(part)


def undocumented(value, schema, pointer=""):
    """Pointers of members that the document does not name. An object without named members may have any."""
    found = list(parts(schema))
    if isinstance(value, list):
        items = [part["items"] for part in found if "items" in part]
        for index, element in enumerate(value):
            for item in items[:1]:
                yield from undocumented(element, item, f"{pointer}/{index}")
    elif isinstance(value, dict):
        properties = {}
        for part in found:
            properties |= part.get("properties", {})
        for name, member in value.items():
            if name in properties:
                yield from undocumented(member, properties[name], f"{pointer}/{name}")
            elif properties and not any("additionalProperties" in part for part in found):
                yield f"{pointer}/{name}"


@schemathesis.check
def no_undocumented_members(ctx, response, case):
    """An answer has no members that the document does not name."""
    responses = case.operation.definition.raw.get("responses", {})
    answer = responses.get(str(response.status_code))
    if answer is None:
        return
    for media_type, content in resolve(answer).get("content", {}).items():
        if media_type.endswith("json") and "schema" in content and response.content:
            names = list(undocumented(response.json(), content["schema"]))
            assert not names, f"not in the document: {', '.join(names)}"
