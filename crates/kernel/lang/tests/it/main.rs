//! What the languages do, seen from outside.
#![allow(clippy::allow_attributes, reason = "the list below is shared by all modules")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod documents;
mod hcl_corpus;
mod hcl_decode;
mod hcl_errors;
mod hcl_properties;
mod sprig_corpus;
mod sprig_limits;
mod template_corpus;
mod template_functions;
mod template_limits;
