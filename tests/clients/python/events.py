"""The change stream over a WebSocket, spoken with nothing but the standard library (RFC 6455)."""

import base64
import hashlib
import json
import os
import socket
import struct
import urllib.parse
import urllib.request

ADDRESS = os.environ["VAULT_ADDR"]
ROOT = os.environ["VAULT_TOKEN"]
READER = os.environ["READER_TOKEN"]
PLACE = urllib.parse.urlparse(ADDRESS)


def call(method, path, token=ROOT, data=None):
    body = json.dumps(data).encode() if data is not None else None
    request = urllib.request.Request(f"{ADDRESS}/v1/{path}", body, {"X-Vault-Token": token}, method=method)
    with urllib.request.urlopen(request) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def put(path):
    call("POST", f"secret/data/{path}", data={"data": {"k": "canary"}})


class WebSocket:
    def __init__(self, target, token):
        self.socket = socket.create_connection((PLACE.hostname, PLACE.port), timeout=20)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET /v1/{target} HTTP/1.1\r\nHost: arca\r\nX-Vault-Token: {token}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.exactly(1)
        head = head.decode()
        assert head.startswith("HTTP/1.1 101"), head
        digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        assert base64.b64encode(digest).decode() in head, head

    def exactly(self, count):
        out = b""
        while len(out) < count:
            piece = self.socket.recv(count - len(out))
            assert piece, "the connection ended"
            out += piece
        return out

    def send(self, opcode, payload):
        mask = os.urandom(4)
        length = (
            struct.pack("!B", 0x80 | len(payload))
            if len(payload) < 126
            else struct.pack("!BH", 0x80 | 126, len(payload))
        )
        masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
        self.socket.sendall(bytes([0x80 | opcode]) + length + mask + masked)

    def receive(self):
        first, second = self.exactly(2)
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", self.exactly(2))
        return first & 0x0F, self.exactly(length)

    def event(self):
        opcode, payload = self.receive()
        assert opcode == 1, (opcode, payload)
        assert b"canary" not in payload
        return json.loads(payload)


socket_of_root = WebSocket("sys/events/subscribe/kv-v2/*?json=true", ROOT)
put("a")
event = socket_of_root.event()
assert event["type"] == "kv-v2/data-write" and event["specversion"] == "1.0", event
assert event["data"]["event"]["metadata"]["data_path"] == "secret/data/a", event
print("an event is a text message")

socket_of_root.send(9, b"hello")
assert socket_of_root.receive() == (10, b"hello")
print("a ping is answered")

put("b")
put("c")
socket_of_root.event()
resumed = WebSocket(f"sys/events/subscribe/kv-v2/*?json=true&after={event['revision']}", ROOT)
paths = [resumed.event()["data"]["event"]["metadata"]["data_path"] for _ in range(2)]
assert paths == ["secret/data/b", "secret/data/c"], paths
resumed.send(8, struct.pack("!H", 1000))
opcode, payload = resumed.receive()
assert opcode == 8, (opcode, payload)
print("a stream resumes, and a close is answered")

reader = WebSocket("sys/events/subscribe/*", READER)
put("theirs")
put("mine")
assert reader.event()["data"]["event"]["metadata"]["data_path"] == "secret/data/mine"
call("POST", "auth/token/revoke", data={"token": READER})
put("mine")
opcode, payload = reader.receive()
assert opcode == 8 and b"revoked" in payload, (opcode, payload)
print("a token sees what it may read, until it is revoked")

large = WebSocket("sys/events/subscribe/*", ROOT)
large.send(1, b"x" * 5000)
try:
    opcode, payload = large.receive()
    assert opcode == 8, opcode
except (AssertionError, ConnectionError) as ended:
    assert "ended" in str(ended) or isinstance(ended, ConnectionError), ended
print("a client that talks too much is left")
