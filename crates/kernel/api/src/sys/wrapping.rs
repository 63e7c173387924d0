//! Response wrapping.

use arca_base::json::Object;

use crate::endpoint::Nothing;
use crate::{FieldDoc, FieldError, Fields, Input};

crate::fields! {
    /// Names a wrapping token.
    pub struct WrappingToken {
        /// The token; the calling one when absent.
        token: String,
    }
}

/// Data to wrap: every member of the body.
#[derive(Clone, Debug, Default)]
pub struct Wrap {
    /// The members.
    pub data: Object,
}

impl Fields for Wrap {
    const FIELDS: &'static [FieldDoc] = &[];
    const TAKES_ANYTHING: bool = true;

    fn decode(input: &Input<'_>) -> Result<Self, FieldError> {
        Ok(Self {
            data: input.data().clone(),
        })
    }

    fn encode(&self) -> Object {
        self.data.clone()
    }
}

crate::endpoints! {
    /// Wrap the data given.
    WrapData = Update "wrapping/wrap" => Wrap;
    /// Open a wrapped answer, once.
    Unwrap = Update "wrapping/unwrap" => WrappingToken;
    /// Look at a wrapping token without opening it.
    Lookup = Update "wrapping/lookup" => WrappingToken;
    /// Look at the calling wrapping token without opening it.
    LookupSelf = Read "wrapping/lookup" => Nothing;
    /// Move a wrapped answer to a new wrapping token.
    Rewrap = Update "wrapping/rewrap" => WrappingToken;
}
