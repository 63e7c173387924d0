//! The agent: logs in, keeps secrets fresh, and writes them where programs find them.
//!
//! | part | holds |
//! |---|---|
//! | [`config`] | what a person can ask for, read from HCL or JSON |
//! | [`token`] | the token everything else is done with |
//! | [`secrets`] | what templates are made from, fetched once and kept fresh |
//! | [`board`] | what each part is doing, for whoever asks; never a value |
#![warn(missing_docs)]

pub mod board;
pub mod config;
pub mod secrets;
pub mod token;
