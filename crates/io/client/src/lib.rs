//! Typed asynchronous client of the HTTP API.
//!
//! A [`Client`] turns an [`Endpoint`](arca_api::Endpoint) and its request into an HTTP request, hands it to a
//! [`Transport`], and reads the answer. It retries and follows redirects as existing clients do; what it may wait
//! for and how it varies its waits are parameters.
//!
//! | question | answer |
//! |---|---|
//! | where is the server, and as whom do I speak | [`ClientConfig`], [`Address`], [`TlsOptions`] |
//! | how do other protocols encrypt | [`SessionTls`] |
//! | how does a program that answers others encrypt | [`ListenerTls`] |
//! | what if an answer is long, or never ends | [`Network::open`] |
//! | how do bytes travel | [`Transport`]: [`Network`], or anything in process |
//! | what do I ask | [`Client::call`] with a type, [`Client::read`] and its kin with a path, [`Client::raw`] |
//! | what changes | [`Client::events`]; any answer that comes over time: [`Client::stream`] |
//! | what went wrong | [`ClientError`], [`TransportError`], [`ConfigError`] |
#![warn(missing_docs)]

mod address;
mod answer;
pub mod ceremony;
mod client;
mod config;
mod error;
mod events;
mod exchange;
mod listener_tls;
pub mod login;
mod network;
mod pace;
mod redirect;
mod request;
mod retry;
mod session_tls;
mod sse;
pub mod system;
mod tls;
mod transport;

pub use address::Address;
pub use client::{Client, Surroundings};
pub use config::{ClientConfig, ConfigError, variable};
pub use error::{ClientError, StatusError};
pub use events::{Event, Events};
pub use listener_tls::{ListenerTls, ListenerTlsOptions};
pub use network::{AnswerStream, Network, Proxies, TakenOver};
pub use pace::Pace;
pub use request::Request;
pub use session_tls::{SessionTls, SessionTlsOptions};
pub use tls::TlsOptions;
pub use transport::{Chunks, Transport, TransportError};
