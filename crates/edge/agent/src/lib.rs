//! The agent: logs in, keeps secrets fresh, and writes them where programs find them.
//!
//! | part | holds |
//! |---|---|
//! | [`config`] | what a person can ask for, read from HCL or JSON |
//! | [`server`] | from what a person says about the server to a client of it |
//! | [`token`] | the token everything else is done with |
//! | [`sinks`] | writing the token where programs find it |
//! | [`auth`] | logging in, and staying logged in |
//! | [`board`] | what each part is doing, for whoever asks; never a value |
#![warn(missing_docs)]

mod account;
pub mod auth;
pub mod board;
pub mod config;
pub mod server;
pub mod sinks;
pub mod token;
