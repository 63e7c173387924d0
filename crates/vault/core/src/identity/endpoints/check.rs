//! What identity takes from callers.

use std::collections::BTreeMap;

use arca_api::field::{CommaList, TextMap};

use crate::fault::Fault;
use crate::policies::canonical;

/// Bounds of metadata.
const MAX_KEYS: usize = 64;
const MAX_KEY_BYTES: usize = 128;
const MAX_VALUE_BYTES: usize = 512;

/// Longest name of an entity, a group or an alias, in bytes.
const MAX_NAME_BYTES: usize = 512;

/// Most policies of an entity or a group.
const MAX_POLICIES: usize = 512;

pub(super) fn check_name(name: &str) -> Result<(), Fault> {
    if name.len() > MAX_NAME_BYTES {
        return Err(Fault::invalid(format!(
            "name has {} bytes but must have at most {MAX_NAME_BYTES}",
            name.len()
        )));
    }
    if name.chars().any(char::is_control) {
        return Err(Fault::invalid("name must not contain control characters"));
    }
    Ok(())
}

/// Policies as they are kept. `root` is not for identities: who may write here would be who may do everything.
pub(super) fn policies(given: Option<&CommaList>) -> Result<Option<Vec<String>>, Fault> {
    let Some(given) = given else {
        return Ok(None);
    };
    if given.0.len() > MAX_POLICIES {
        return Err(Fault::invalid(format!(
            "policies names {} policies, at most {MAX_POLICIES} is allowed",
            given.0.len()
        )));
    }
    let policies = canonical(&given.0, false)?;
    if policies.iter().any(|policy| policy == "root") {
        return Err(Fault::invalid("policies cannot contain root"));
    }
    Ok(Some(policies))
}

/// Texts of the caller's own, within bounds.
pub(super) fn texts(field: &str, given: Option<TextMap>) -> Result<Option<BTreeMap<String, String>>, Fault> {
    if let Some(given) = &given {
        check_metadata(field, &given.0)?;
    }
    Ok(given.map(|given| given.0))
}

pub(crate) fn check_metadata(field: &str, metadata: &BTreeMap<String, String>) -> Result<(), Fault> {
    if metadata.len() > MAX_KEYS {
        return Err(Fault::invalid(format!(
            "{field} must contain at most {MAX_KEYS} keys, provided {}",
            metadata.len()
        )));
    }
    for (key, value) in metadata {
        if key.is_empty() || key.len() > MAX_KEY_BYTES {
            return Err(Fault::invalid(format!(
                "a key of {field} has {} bytes but must have 1 to {MAX_KEY_BYTES}",
                key.len()
            )));
        }
        if value.len() > MAX_VALUE_BYTES {
            return Err(Fault::invalid(format!(
                "the value of {key:?} in {field} has {} bytes but must have at most {MAX_VALUE_BYTES}",
                value.len()
            )));
        }
    }
    Ok(())
}
