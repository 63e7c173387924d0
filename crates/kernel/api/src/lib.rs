//! The wire contract: one type per endpoint, shared by the server, the client, the CLI and the documentation.
//!
//! An [`Endpoint`] names an operation, a path below its mount, a request type and one line of help. A request
//! type is declared once with [`fields!`]: from that declaration come the decoding of bodies, query parameters
//! and path captures, the encoding a client sends, the warnings about unknown fields, and the reference pages.
#![warn(missing_docs)]

pub mod auth;
pub mod cubbyhole;
pub mod database;
pub mod endpoint;
pub mod envelope;
pub mod error;
pub mod field;
pub mod identity;
pub mod kv;
pub mod mfa;
pub mod oidc;
pub mod pattern;
pub mod sys;
pub mod token;

pub use endpoint::{Endpoint, FieldDoc, Fields};
pub use envelope::{AuthBlock, Envelope, WrapBlock};
pub use error::{Errors, multierror};
pub use field::{Field, FieldError, Input, Kind};
pub use pattern::{Captures, Pattern};
