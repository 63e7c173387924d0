//! The seam between the engine and the databases: what every kind of database can be asked to do.
//!
//! The engine decides names, passwords, times and statements and keeps the records; a driver speaks to one server.
//! A driver keeps nothing that must last, and its calls can be dropped at any await: what was begun is then undone
//! by the server, or found and undone by [`Database::drop_user`].

use std::sync::Arc;

use arca_base::{Entropy, Secret, Timestamp};
use async_trait::async_trait;
use futures_util::future::BoxFuture;

use super::settings::ConnectionSettings;

/// One kind of database, under one plugin name.
pub struct Kind {
    /// What a client writes as `plugin_name`.
    pub plugin_name: &'static str,
    /// The template of usernames where the configuration has none.
    pub username_template: &'static str,
    /// Longest username the database takes, in bytes.
    pub username_limit: usize,
    /// Whether `username_template` can be set.
    pub takes_template: bool,
    /// What a user can prove itself with.
    pub credentials: &'static [CredentialKind],
    /// Whether statements can be tried without effect, see [`Database::rehearse`].
    pub rehearses: bool,
    /// Whether statements can be run for their own sake, see [`Database::run_statements`].
    pub runs_statements: bool,
    /// Members of `connection_details` that are never shown, besides `password` and `private_key`.
    pub secret_details: &'static [&'static str],
    /// Reads the settings and makes a driver. Does not speak to the database yet.
    pub open: Open,
}

/// See [`Kind::open`].
pub type Open =
    fn(ConnectionSettings, Arc<dyn Entropy>) -> BoxFuture<'static, Result<Arc<dyn Database>, DriverError>>;

/// What a user proves itself with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CredentialKind {
    /// A password.
    #[default]
    Password,
    /// The private key of a pair.
    RsaPrivateKey,
    /// A certificate and its key.
    ClientCertificate,
}

impl CredentialKind {
    /// Its name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::RsaPrivateKey => "rsa_private_key",
            Self::ClientCertificate => "client_certificate",
        }
    }

    /// The kind called `name`; the empty name is a password.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "" | "password" => Some(Self::Password),
            "rsa_private_key" => Some(Self::RsaPrivateKey),
            "client_certificate" => Some(Self::ClientCertificate),
            _ => None,
        }
    }
}

/// The part of a credential that the database is told.
pub enum Credential {
    /// The password: `{{password}}` in statements.
    Password(Secret<String>),
    /// The public key in PEM: `{{public_key}}` in statements.
    PublicKey(String),
    /// The subject of the certificate: `{{subject}}` in statements.
    Subject(String),
}

impl Credential {
    /// The password, where it is one.
    #[must_use]
    pub const fn password(&self) -> Option<&Secret<String>> {
        match self {
            Self::Password(password) => Some(password),
            Self::PublicKey(_) | Self::Subject(_) => None,
        }
    }

    /// What stands for `{{public_key}}` and `{{subject}}` in statements; a place without a value of its own is left
    /// empty.
    pub(super) fn places(&self) -> [(&'static str, &str); 2] {
        match self {
            Self::Password(_) => [("public_key", ""), ("subject", "")],
            Self::PublicKey(key) => [("public_key", key), ("subject", "")],
            Self::Subject(subject) => [("public_key", ""), ("subject", subject)],
        }
    }
}

/// A user to make.
pub struct NewUser<'a> {
    /// Its name.
    pub username: &'a str,
    /// What it proves itself with.
    pub credential: &'a Credential,
    /// When it must not be able to log in any more, where the database can be told.
    pub expiration: Timestamp,
    /// What makes it: the elements of the role's field, not split yet.
    pub creation: &'a [String],
    /// What undoes a half-made user; empty for the driver's own way.
    pub rollback: &'a [String],
}

/// The statements of a role, to be tried without effect.
pub struct Rehearsal<'a> {
    /// A name like those of users to come.
    pub username: &'a str,
    /// A credential like theirs.
    pub credential: &'a Credential,
    /// An end like theirs.
    pub expiration: Timestamp,
    /// What makes users.
    pub creation: &'a [String],
    /// What extends them; empty for the driver's own way.
    pub renewal: &'a [String],
    /// What drops them; empty for the driver's own way.
    pub revocation: &'a [String],
}

/// What kind of statement a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Making a user.
    Creation,
    /// Extending it.
    Renewal,
    /// Dropping it.
    Revocation,
    /// What comes before a change of its credential.
    BeforeChange,
    /// The change.
    Change,
    /// What comes after it.
    AfterChange,
}

impl Phase {
    /// The field of the role.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::Creation => "creation_statements",
            Self::Renewal => "renew_statements",
            Self::Revocation => "revocation_statements",
            Self::BeforeChange => "pre_rotation_statements",
            Self::Change => "rotation_statements",
            Self::AfterChange => "post_rotation_statements",
        }
    }
}

/// Something a rehearsal found.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Which statements.
    pub phase: Phase,
    /// What would fail, and why.
    pub message: String,
    /// What mends it.
    pub remedy: String,
}

/// What is left of a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Remains {
    /// The user is there.
    pub exists: bool,
    /// It can log in.
    pub may_log_in: bool,
    /// Connections that are logged in as it.
    pub sessions: u64,
    /// Rights it holds, as far as the database can tell.
    pub grants: u64,
}

/// A user found in the database.
#[derive(Clone, Debug)]
pub struct KnownUser {
    /// Its name.
    pub username: String,
    /// Whether it can log in.
    pub may_log_in: bool,
    /// Connections that are logged in as it.
    pub sessions: u64,
}

/// How full something is that users fill.
#[derive(Clone, Debug)]
pub struct Fullness {
    /// What.
    pub what: String,
    /// How much is used.
    pub used: u64,
    /// How much there can be; 0 where nobody knows.
    pub limit: u64,
}

/// What a database holds.
#[derive(Clone, Debug, Default)]
pub struct Holdings {
    /// Users whose names begin as asked.
    pub users: Vec<KnownUser>,
    /// Connections logged in as users that are not there any more.
    pub ghost_sessions: u64,
    /// What users fill, the fullest first.
    pub fullness: Vec<Fullness>,
}

/// One database server, as its driver sees it.
///
/// Calls may come at the same time; a driver bounds its own connections ([`ConnectionSettings::pool`]), bounds the
/// time that connecting takes, and replaces connections that turn out to be gone.
#[async_trait]
pub trait Database: Send + Sync {
    /// Logs in and asks for a sign of life.
    async fn verify(&self) -> Result<(), DriverError>;

    /// Makes a user, or leaves nothing behind.
    async fn create_user(&self, user: &NewUser<'_>) -> Result<(), DriverError>;

    /// Moves the end of a user, where the database knows one. `statements` empty: the driver's own way.
    async fn extend_user(
        &self,
        username: &str,
        expiration: Timestamp,
        statements: &[String],
    ) -> Result<(), DriverError>;

    /// Gives a user another credential. `statements` empty: the driver's own way.
    async fn set_credential(
        &self,
        username: &str,
        credential: &Credential,
        statements: &[String],
    ) -> Result<(), DriverError>;

    /// Runs statements about a user, for whoever wants something done around a change of its credential.
    async fn run_statements(
        &self,
        username: &str,
        credential: &Credential,
        statements: &[String],
    ) -> Result<(), DriverError> {
        let _ = (username, credential, statements);
        Err(DriverError::Unsupported(
            "this kind of database has no statements to run".to_owned(),
        ))
    }

    /// Drops a user; one that is not there is done. `statements` empty: the driver's own way. Returns what whoever
    /// looks after the role should know, for instance that its statements do not suffice.
    async fn drop_user(&self, username: &str, statements: &[String]) -> Result<Vec<String>, DriverError>;

    /// What is left of a user.
    async fn remains(&self, username: &str) -> Result<Remains, DriverError>;

    /// Ends the connections of a user; returns how many there were.
    async fn end_sessions(&self, username: &str) -> Result<u64, DriverError>;

    /// Tries the statements of a role without effect. Nothing found where the database cannot.
    async fn rehearse(&self, role: &Rehearsal<'_>) -> Result<Vec<Finding>, DriverError> {
        let _ = role;
        Ok(Vec::new())
    }

    /// Tries the statements of a change of a credential without effect, one list after the other. Nothing found
    /// where the database cannot.
    async fn rehearse_change(
        &self,
        username: &str,
        credential: &Credential,
        lists: &[(Phase, &[String])],
    ) -> Result<Vec<Finding>, DriverError> {
        let _ = (username, credential, lists);
        Ok(Vec::new())
    }

    /// Users whose names begin with `prefix`, and how full the database is.
    async fn holdings(&self, prefix: &str) -> Result<Holdings, DriverError>;

    /// Closes all connections; calls that are under way may finish.
    async fn close(&self);
}

/// Why a database did not do what it was asked.
///
/// No text here may hold a credential or a connection string: drivers pass what servers and libraries say through
/// [`Redactor::cut`](super::redact::Redactor::cut).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DriverError {
    /// A setting that cannot be used; names the field.
    #[error("{0}")]
    Setting(String),
    /// No connection, or one that broke.
    #[error("the database cannot be reached: {0}")]
    Unreachable(String),
    /// No answer in time.
    #[error("the database did not answer within {0} seconds")]
    TimedOut(u64),
    /// All connections are taken.
    #[error("all {0} connections to the database are in use; raise max_open_connections or try again")]
    Busy(usize),
    /// The database does not let the configured user in.
    #[error("the database refuses the login: {0}")]
    Refused(String),
    /// No agreement on TLS.
    #[error("no TLS connection to the database: {0}")]
    Tls(String),
    /// A statement failed.
    #[error("statement {number} of {total} failed: {message}")]
    Statement {
        /// Which, from 1.
        number: usize,
        /// Of how many.
        total: usize,
        /// What the server says, without credentials.
        message: String,
    },
    /// Statements that cannot be run at all.
    #[error("{0}")]
    Statements(String),
    /// Something this kind of database does not have.
    #[error("unsupported: {0}")]
    Unsupported(String),
}

impl DriverError {
    /// Whether the database as a whole is out of reach, so that other calls will fare no better.
    #[must_use]
    pub const fn is_out_of_reach(&self) -> bool {
        matches!(
            self,
            Self::Unreachable(_) | Self::TimedOut(_) | Self::Refused(_) | Self::Tls(_)
        )
    }
}
