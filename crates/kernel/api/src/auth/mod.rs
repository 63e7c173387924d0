//! Auth methods (`auth/<mount>/*`). Tokens, `auth/token/*`, are in [`crate::token`].

pub mod approle;
pub mod cert;
pub mod jwt;
pub mod kubernetes;
pub mod ldap;
pub mod parameters;
pub mod userpass;

pub use parameters::TokenParameters;
