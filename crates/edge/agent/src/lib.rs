//! The agent: logs in, keeps secrets fresh, and writes them where programs find them.
//!
//! | part | holds |
//! |---|---|
//! | [`agent`] | all parts together, from start to end |
//! | [`config`] | what a person can ask for, read from HCL or JSON |
//! | [`server`] | from what a person says about the server to a client of it |
//! | [`token`] | the token everything else is done with |
//! | [`proxy`] | listeners: requests of others, passed on to the server; answers with leases are kept |
//! | [`status`] | health, metrics and status, for those who ask |
//! | [`supervise`] | a process with secrets in its environment |
//! | [`sinks`] | writing the token where programs find it |
//! | [`auth`] | logging in, and staying logged in |
//! | [`handover`] | token and leases, given from one run to the next |
//! | [`secrets`] | what templates are made from, fetched once and kept fresh |
//! | [`template`] | files and variables made from secrets |
//! | [`board`] | what each part is doing, for whoever asks; never a value |
#![warn(missing_docs)]

mod account;
pub mod agent;
pub mod auth;
pub mod board;
pub mod config;
pub mod handover;
mod notify;
mod pid_file;
pub mod proxy;
mod replace;
pub mod secrets;
pub mod server;
pub mod sinks;
pub mod status;
pub mod supervise;
pub mod template;
pub mod token;
