"""What counts as a fault of the server, for schemathesis: every 5xx, except where existing servers answer so."""

import re

import schemathesis

# Refusals that the servers this one is compatible with send as 500; clients match the texts. Where, and the whole text.
KNOWN = tuple(
    (re.compile(path), re.compile(text, re.DOTALL))
    for path, text in (
        (r"/cubbyhole/.*", r"missing data fields"),
        (r"/sys/capabilities", r"no token found"),
        (r"/auth/[^/]+/login/.*", r"missing password"),
        (r"/auth/[^/]+/users/.*", r"username does not exist"),
        (r"/auth/[^/]+/role/.*", r'role ".*" does not exist'),
        (r"/auth/[^/]+/role/.*", r"at least one constraint should be enabled on the role"),
        (r"/auth/[^/]+/role/.*", r'failed to find accessor entry for secret_id_accessor: ".*"'),
        (r"/[^/]+/(config|creds|static-creds|reset|reload|rotate-root|rotate-role|roles|static-roles)/.*",
         r'failed to find entry for connection with name: ".*"'),
    )
)

# A caller with a token gets a list of one, others the text alone.
LISTED = re.compile(r"1 error occurred:\n\t\* (.*)\n\n", re.DOTALL)


def is_known(path, response):
    try:
        errors = response.json()["errors"]
    except (KeyError, TypeError, ValueError):
        return False
    if response.status_code != 500 or len(errors) != 1:
        return False
    listed = LISTED.fullmatch(errors[0])
    text = listed.group(1) if listed else errors[0]
    return any(where.fullmatch(path) and what.fullmatch(text) for where, what in KNOWN)


@schemathesis.check
def fault_of_the_server(ctx, response, case):
    if response.status_code < 500:
        return
    assert is_known(case.path, response), f"{response.status_code} at {case.path}: {response.text}"
