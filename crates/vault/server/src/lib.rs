//! Listeners, TLS, HTTP codec, configuration: everything between the network and the core.
//!
//! | module | holds |
//! |---|---|
//! | [`config`] | configuration files and the environment |
//! | [`server`] | [`Server`]: open sockets over a [`Service`], serving, draining |
//! | [`in_process`] | [`InProcess`]: the same without sockets |
//! | [`run`] | the whole of a server process: signals, reload, automatic unsealing |
//! | `http` | connections: accepting, TLS, time limits |
//! | `ingress`, `egress` | a request into what the core takes, a reply into a response |
//! | [`logging`], [`clock`], [`process`] | the adapters to standard error, time and the operating system |
//!
//! The crate knows the core by two types, `Incoming` and `Reply`, and no engine or auth method at all.
#![warn(missing_docs)]

pub mod clock;
pub mod config;
mod egress;
mod http;
pub mod in_process;
mod ingress;
pub mod logging;
pub mod process;
pub mod run;
pub mod server;
pub mod service;
pub mod signals;

pub use clock::SystemClock;
pub use config::Configuration;
pub use in_process::InProcess;
pub use server::Server;
pub use service::Service;
