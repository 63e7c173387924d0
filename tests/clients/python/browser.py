"""A person at a browser: opens the address given, fills in the forms of the provider until it sends the browser away,
and prints the title of the last page. NAME is who logs in.
"""

import os
import re
import sys
from urllib.parse import urljoin

import requests


def fields(page):
    hidden = re.findall(r'<input[^>]*type="hidden"[^>]*name="([^"]*)"[^>]*value="([^"]*)"', page)
    return dict(hidden)


def main():
    browser = requests.Session()
    answer = browser.get(sys.argv[1], timeout=10)
    for _ in range(5):
        form = re.search(r'<form[^>]*action="([^"]*)"', answer.text)
        if not form:
            break
        filled = fields(answer.text) | {"login": os.environ["NAME"], "password": "any"}
        answer = browser.post(urljoin(answer.url, form.group(1)), data=filled, timeout=10)
    answer.raise_for_status()
    print(re.sub(r"<[^>]*>", " ", answer.text).strip())


if __name__ == "__main__":
    sys.exit(main())
