//! Limits of how often clients may ask, as hvac sees them.

use std::time::Duration;

use arca_tests::Node;
use arca_tests::commands::finish;
use arca_tests::program::{bare, checked_in, python};

/// How many parts the session has, so that none is left out unseen.
const PARTS: usize = 2;

#[test]
fn every_quota_call_of_hvac_works() {
    let node = Node::embedded();
    let mut command = bare(&python(), node.folder());
    command
        .arg(checked_in("clients/python/hvac_quotas.py"))
        .env("VAULT_ADDR", node.server.address().url())
        .env("VAULT_TOKEN", &node.keys.root);
    let ran = finish(&mut command, None, Duration::from_secs(60)).expect(0);
    assert_eq!(ran.out.lines().count(), PARTS, "{ran:?}");
}
