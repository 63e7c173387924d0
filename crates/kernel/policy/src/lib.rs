//! Access policies: documents compiled to a matcher that gives a verdict with its reason.
//!
//! [`Policy::parse`] reads a document, [`Policy::render`] fills its templates for one identity,
//! [`Acl::compile`] joins the policies of one token, and [`Acl::check`] decides about one request. Nothing here
//! reads a clock, a store or a token.
//!
//! # Which rule counts
//!
//! Rules of all policies with the same path text are one rule: capabilities add up, and one `deny` removes all
//! others. For a request exactly one rule counts, the most specific one; a broader rule adds nothing to it:
//!
//! 1. a rule that names the path;
//! 2. for `list` and `scan`, a rule that names the path without its trailing slash;
//! 3. the best rule with wildcards that matches the path;
//! 4. for `list` and `scan`, the best one that matches the path without its trailing slash;
//! 5. none: the request is denied.
//!
//! The full path goes before the path without its slash, so that a `deny` on a folder holds for listing it.
//!
//! # Where existing servers differ
//!
//! - Numbers in `allowed_parameters` and `denied_parameters` equal the same numbers in a request. Elsewhere they
//!   equal nothing, so that denying a number denies nothing.
//! - Listing looks at the path with its slash first, as OpenBao does since GHSA-xp3c; Vault looks without it first.
//! - A value of an identity that contains `,` cannot stand in a path, besides `/`, `*` and `+`.
//! - A `path` block without a path is refused; elsewhere it is a rule for the path `path`.
//! - Wrapping TTLs below a second count; negative ones are refused.
//! - The first control group among joined rules counts; elsewhere only that of the first rule does.
//!
//! ```
//! use arca_base::{Operation, RequestPath, Timestamp};
//! use arca_policy::{Acl, Policy, PolicyName, Request};
//!
//! let text = r#"path "kv/data/team/*" { capabilities = ["read"] }"#;
//! let policy = Policy::parse(PolicyName::parse("Team")?, text)?;
//! let acl = Acl::compile([&policy], Timestamp::EPOCH)?;
//! let path = RequestPath::parse("kv/data/team/db")?;
//!
//! let request = Request::new(Operation::Read, &path);
//! assert_eq!(acl.check(&request).granting().collect::<Vec<_>>(), ["team"]);
//!
//! let request = Request::new(Operation::Delete, &path);
//! assert_eq!(
//!     acl.check(&request).denial().map(ToString::to_string).as_deref(),
//!     Some(r#"rule "kv/data/team/*" (policy "team", line 1) does not grant "delete"; it grants read"#)
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![warn(missing_docs)]

mod acl;
pub mod builtin;
mod capability;
mod document;
mod name;
mod pattern;
pub mod template;

pub use acl::{
    Acl, BadPolicySet, Change, Constraint, Denial, Difference, Explanation, MixedUp, Request, Rule, Source,
    TooManyRules, Verdict,
};
pub use capability::{Capabilities, Capability};
pub use document::{BadPolicy, BadRule, Constraints, Parameters, PathRule, Policy, UnknownKey};
pub use name::{BadPolicyName, MAX_NAME_BYTES, PolicyName};
