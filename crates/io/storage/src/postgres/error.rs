//! Why a store in PostgreSQL cannot be used, and what a failing server means to a caller.

use std::path::PathBuf;

use tokio_postgres::error::SqlState;

use crate::StorageError;

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// A connection URL that cannot be understood.
    #[error(
        "connection_url cannot be used: {0}; it has the form postgres://user:password@host:5432/database"
    )]
    BadUrl(String),
    /// A table name that cannot be used.
    #[error(
        "{name:?} cannot be the name of a table: use at most {limit} bytes, optionally behind a schema and a dot"
    )]
    BadTable {
        /// The name.
        name: String,
        /// Its limit in bytes.
        limit: usize,
    },
    /// A file with certificates or keys that cannot be used.
    #[error("{} cannot be used for TLS: {reason}", path.display())]
    Tls {
        /// The file, or what stands for it.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The server cannot be reached, or does not let this user in.
    #[error("PostgreSQL cannot be used: {}", explain(.0))]
    Server(#[from] tokio_postgres::Error),
    /// A database in an encoding that cannot hold every key.
    #[error(
        "the database has the encoding {0}; create one with: CREATE DATABASE arca ENCODING 'UTF8' TEMPLATE template0"
    )]
    Encoding(String),
    /// A table that something else made.
    #[error("the table {0} is not one of this program; choose another name in `table`")]
    NotAStore(String),
    /// A store of another version of this program.
    #[error(
        "the store in {table} has format {found}, and this version reads format {known} only; use the version that wrote it"
    )]
    UnknownFormat {
        /// The table that says so.
        table: String,
        /// The format it names.
        found: i32,
        /// The format this version knows.
        known: i32,
    },
    /// The pool of connections cannot be made.
    #[error("no connections can be made: {0}")]
    Pool(String),
}

/// The error of the driver with its cause, which its own text leaves out.
pub(super) fn explain(error: &tokio_postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// What a failed statement means to the caller.
pub(super) fn unavailable(error: &tokio_postgres::Error) -> StorageError {
    StorageError::unavailable(explain(error))
}

/// Whether the server went away, or is about to, so that another connection may do better.
pub(super) fn is_lost(error: &tokio_postgres::Error) -> bool {
    error.code().is_none_or(|code| {
        let restarting = [
            SqlState::ADMIN_SHUTDOWN,
            SqlState::CRASH_SHUTDOWN,
            SqlState::CANNOT_CONNECT_NOW,
            SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
            SqlState::READ_ONLY_SQL_TRANSACTION,
        ];
        code.code().starts_with("08") || restarting.contains(code)
    })
}
