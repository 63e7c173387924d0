//! The languages users write: HCL 1, the language of configuration files and policies, and Go's text templates.
#![warn(missing_docs)]

pub mod document;
pub mod hcl;
pub mod sprig;
pub mod template;
pub mod time_layout;
