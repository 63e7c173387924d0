//! The languages users write: HCL 1, the language of configuration files and policies, Go's text templates, and the
//! conditions of audit filters.
#![warn(missing_docs)]

pub mod condition;
pub mod document;
pub mod hcl;
pub mod sprig;
pub mod template;
pub mod time_layout;
