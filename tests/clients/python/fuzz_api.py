"""What counts as a fault of the server, for schemathesis: every 5xx, except where existing servers answer so."""

import schemathesis

# Refusals that the servers this one is compatible with send as 500; clients match the texts.
KNOWN = (
    "at least one constraint should be enabled on the role",
    "does not exist",
    "failed to find accessor entry for secret_id_accessor",
    "failed to find entry for connection with name",
    "missing data fields",
    "missing password",
    "missing path",
    "no token found",
)


@schemathesis.check
def fault_of_the_server(ctx, response, case):
    if response.status_code < 500:
        return
    text = response.text
    assert any(known in text for known in KNOWN), f"{response.status_code}: {text}"
