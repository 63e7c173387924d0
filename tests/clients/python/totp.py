"""Prints the passcode an authenticator shows for an otpauth:// address, some periods from now (0 by default).

The standard library only: an implementation of RFC 6238 that shares nothing with the server's.
"""

import base64
import hashlib
import hmac
import struct
import sys
import time
from urllib.parse import parse_qs, urlparse


def main(address, periods):
    query = {name: values[0] for name, values in parse_qs(urlparse(address).query).items()}
    text = query["secret"]
    key = base64.b32decode(text + "=" * (-len(text) % 8))
    step = int(time.time()) // int(query["period"]) + periods
    mac = hmac.new(key, struct.pack(">Q", step), getattr(hashlib, query["algorithm"].lower())).digest()
    at = mac[-1] & 15
    number = struct.unpack(">I", mac[at:at + 4])[0] & 0x7FFFFFFF
    digits = int(query["digits"])
    print(str(number % 10**digits).zfill(digits))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0)
