//! The agent: logs in, keeps secrets fresh, and writes them where programs find them.
//!
//! | part | holds |
//! |---|---|
//! | [`config`] | what a person can ask for, read from HCL or JSON |
//! | [`token`] | the token everything else is done with |
//! | [`proxy`] | listeners: requests of others, passed on to the server; answers with leases are kept |
//! | [`status`] | health, metrics and status, for those who ask |
//! | [`supervise`] | a process with secrets in its environment |
//! | [`board`] | what each part is doing, for whoever asks; never a value |
#![warn(missing_docs)]

pub mod board;
pub mod config;
pub mod proxy;
pub mod status;
pub mod supervise;
pub mod token;
