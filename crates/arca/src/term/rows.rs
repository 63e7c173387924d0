//! The members of an object as rows of a table.

use arca_base::json::Object;

use super::duration;

/// One row per member, sorted by name.
pub(crate) fn of_members(members: &Object) -> Vec<Vec<String>> {
    members
        .iter()
        .map(|(name, value)| vec![name.clone(), duration::of_member(name, value)])
        .collect()
}
