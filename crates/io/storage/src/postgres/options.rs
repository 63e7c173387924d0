//! What can be set for a store in PostgreSQL, and the reading of its connection URL.

use std::path::PathBuf;
use std::time::Duration;

use arca_base::Secret;
use deadpool_postgres::{Manager, ManagerConfig, RecyclingMethod};
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use super::ConnectError;
use super::tls::{Pem, TlsOptions, Verify};
use crate::HistoryLimits;

/// Where the store is and how it is used. Names follow the `storage "postgresql"` stanza.
pub struct PostgresOptions {
    /// `postgres://user:password@host:port/database?sslmode=verify-full&sslrootcert=/path`, or the same as
    /// `host=... user=...`. A host that begins with `/` is the folder of a socket.
    ///
    /// `sslmode` is as in libpq: `disable`, `prefer` (the default: TLS when the server offers it), `require`,
    /// `verify-ca`, `verify-full`. Only the last two know whom they talk to. They trust the authorities in
    /// `sslrootcert`, or those of the operating system. `sslcert` and `sslkey` name a client certificate.
    pub connection_url: Secret<String>,
    /// The table of entries, optionally behind a schema and a dot. Two more tables have names that begin with it.
    pub table: String,
    /// The table of elections. Several stores in one database can share it.
    pub ha_table: String,
    /// Whether nodes elect a leader.
    pub ha_enabled: bool,
    /// Most connections this node opens, not counting one for each open snapshot. At least 3.
    pub max_parallel: usize,
    /// Changes kept in the memory of this node for watches.
    pub history: HistoryLimits,
    /// Commits whose changes are kept in the database, for watches that resume.
    pub keep_commits: u64,
    /// How long a term of office lasts without a renewal.
    pub lease: Duration,
    /// How long one statement may take, waiting for other nodes included.
    pub statement_timeout: Duration,
    /// How long connecting may take, and how long a commit waits for a server that is away.
    pub connect_timeout: Duration,
}

impl PostgresOptions {
    /// The defaults, for the server at `connection_url`.
    #[must_use]
    pub fn new(connection_url: impl Into<String>) -> Self {
        Self {
            connection_url: Secret::new(connection_url.into()),
            table: "arca_store".to_owned(),
            ha_table: "arca_ha".to_owned(),
            ha_enabled: true,
            max_parallel: 32,
            history: HistoryLimits::default(),
            keep_commits: 100_000,
            lease: Duration::from_secs(15),
            statement_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
        }
    }
}

/// A connection URL, taken apart. See [`PostgresOptions::connection_url`] for its forms.
pub struct Address {
    /// What the driver takes; TLS apart.
    pub config: tokio_postgres::Config,
    pub(super) tls: TlsOptions,
}

impl Address {
    /// Reads a connection URL or a list of `name=value`. Errors never quote it: it holds a password.
    ///
    /// # Errors
    /// [`ConnectError::BadUrl`].
    pub fn parse(text: &str) -> Result<Self, ConnectError> {
        let mut tls = RawTls::default();
        let rest = if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            tls.take_from_url(text)
        } else {
            tls.take_from_pairs(text)?
        };
        let mut config: tokio_postgres::Config = rest.parse().map_err(|error: tokio_postgres::Error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            ConnectError::BadUrl(cause.unwrap_or_else(|| error.to_string()))
        })?;
        if config.get_hosts().is_empty() {
            return Err(ConnectError::BadUrl("it names no host".to_owned()));
        }
        let tls = tls.check()?;
        config.ssl_mode(match tls.verify {
            None => SslMode::Disable,
            Some(_) if config.get_hosts().iter().all(is_socket) => SslMode::Disable,
            Some(Verify::IfOffered) => SslMode::Prefer,
            Some(_) => SslMode::Require,
        });
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        Ok(Self { config, tls })
    }

    /// Trusts the authorities in this PEM text, and from now on nobody else.
    pub fn trust(&mut self, authorities: String) {
        self.tls.root = Some(Pem::Text(authorities));
        if matches!(self.tls.verify, Some(Verify::IfOffered | Verify::Nothing)) {
            self.tls.verify = Some(Verify::Authority);
            self.config.ssl_mode(SslMode::Require);
        }
    }

    /// Shows this certificate, and proves it with this key; both PEM texts.
    pub fn identify(&mut self, certificate: String, key: String) {
        self.tls.client = Some((Pem::Text(certificate), Pem::Text(key)));
    }

    /// Reads the certificates and makes what a pool makes its connections with.
    ///
    /// # Errors
    /// [`ConnectError::Tls`].
    pub fn manager(&self) -> Result<Manager, ConnectError> {
        self.manager_with(self.config.clone())
    }

    /// The same for another database of the server.
    ///
    /// # Errors
    /// [`ConnectError::Tls`].
    pub fn manager_of_database(&self, name: &str) -> Result<Manager, ConnectError> {
        let mut config = self.config.clone();
        config.dbname(name);
        self.manager_with(config)
    }

    fn manager_with(&self, config: tokio_postgres::Config) -> Result<Manager, ConnectError> {
        let recycling = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        Ok(Manager::from_config(config, self.tls.connector()?, recycling))
    }
}

#[cfg(unix)]
const fn is_socket(host: &Host) -> bool {
    matches!(host, Host::Unix(_))
}

#[cfg(not(unix))]
const fn is_socket(_host: &Host) -> bool {
    false
}

/// The settings of a connection URL that are about TLS, which the driver does not know.
#[derive(Default)]
struct RawTls {
    mode: Option<String>,
    root: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
}

impl RawTls {
    fn slot(&mut self, name: &str) -> Option<&mut Option<String>> {
        match name {
            "sslmode" => Some(&mut self.mode),
            "sslrootcert" => Some(&mut self.root),
            "sslcert" => Some(&mut self.certificate),
            "sslkey" => Some(&mut self.key),
            _ => None,
        }
    }

    /// Takes the settings out of a URL and returns the rest of it.
    fn take_from_url(&mut self, url: &str) -> String {
        let Some((base, query)) = url.split_once('?') else {
            return url.to_owned();
        };
        let mut rest = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let decoded = url::form_urlencoded::parse(pair.as_bytes()).next();
            let slot = decoded.and_then(|(name, value)| self.slot(&name).map(|slot| (slot, value)));
            match slot {
                Some((slot, value)) => *slot = Some(value.into_owned()),
                None => rest.push(pair),
            }
        }
        if rest.is_empty() {
            base.to_owned()
        } else {
            format!("{base}?{}", rest.join("&"))
        }
    }

    /// Takes the settings out of `name=value name='value'` and returns the rest of it.
    fn take_from_pairs(&mut self, text: &str) -> Result<String, ConnectError> {
        let mut kept = String::new();
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let (name, after) = rest
                .split_once('=')
                .ok_or_else(|| ConnectError::BadUrl("it is neither a URL nor name=value".to_owned()))?;
            let after = after.trim_start();
            let (value, length) = pair_value(after);
            let (raw, next) = after.split_at_checked(length).unwrap_or((after, ""));
            let name = name.trim();
            match self.slot(name) {
                Some(slot) => *slot = Some(value),
                None => kept.push_str(&format!("{name}={raw} ")),
            }
            rest = next.trim_start();
        }
        Ok(kept)
    }

    fn check(self) -> Result<TlsOptions, ConnectError> {
        let root = self
            .root
            .filter(|root| !root.is_empty() && root != "system")
            .map(PathBuf::from);
        let verify = match self.mode.as_deref() {
            Some("disable") => None,
            None | Some("prefer" | "allow") => Some(Verify::IfOffered),
            // With a root certificate this means verify-ca, as in libpq.
            Some("require") if root.is_some() => Some(Verify::Authority),
            Some("require") => Some(Verify::Nothing),
            Some("verify-ca") => Some(Verify::Authority),
            Some("verify-full") => Some(Verify::AuthorityAndName),
            Some(_) => {
                return Err(ConnectError::BadUrl(
                    "sslmode is none of disable, prefer, require, verify-ca, verify-full".to_owned(),
                ));
            }
        };
        let client = match (self.certificate, self.key) {
            (Some(certificate), Some(key)) => Some((PathBuf::from(certificate), PathBuf::from(key))),
            (None, None) => None,
            _ => {
                return Err(ConnectError::BadUrl(
                    "sslcert and sslkey are only of use together".to_owned(),
                ));
            }
        };
        Ok(TlsOptions {
            verify,
            root: root.map(Pem::File),
            client: client.map(|(certificate, key)| (Pem::File(certificate), Pem::File(key))),
        })
    }
}

/// The value at the start of `text` and how many bytes it takes there.
fn pair_value(text: &str) -> (String, usize) {
    let quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut characters = text.char_indices().skip(usize::from(quoted));
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            '\'' if quoted => return (value, at + 1),
            character if !quoted && character.is_whitespace() => return (value, at),
            character => value.push(character),
        }
    }
    (value, text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Address {
        Address::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn tls_settings_are_read_as_libpq_does() {
        let root = Some(PathBuf::from("/a b/ca.pem"));
        for (query, mode, verify, path) in [
            ("", SslMode::Prefer, Some(Verify::IfOffered), None),
            ("?sslmode=disable", SslMode::Disable, None, None),
            ("?sslmode=require", SslMode::Require, Some(Verify::Nothing), None),
            (
                "?sslmode=require&sslrootcert=%2Fa%20b/ca.pem",
                SslMode::Require,
                Some(Verify::Authority),
                root.clone(),
            ),
            (
                "?sslmode=verify-ca&sslrootcert=/a+b/ca.pem",
                SslMode::Require,
                Some(Verify::Authority),
                root,
            ),
            (
                "?sslrootcert=system&sslmode=verify-full",
                SslMode::Require,
                Some(Verify::AuthorityAndName),
                None,
            ),
        ] {
            let address = parse(&format!("postgres://user:secret@db.example:5433/arca{query}"));
            assert_eq!(address.config.get_ssl_mode(), mode, "{query}");
            assert_eq!(address.tls.verify, verify, "{query}");
            assert!(address.tls.root == path.map(Pem::File), "{query}");
            assert_eq!(address.config.get_dbname(), Some("arca"));
        }
    }

    #[test]
    fn other_settings_reach_the_driver() {
        let url = "postgres://u@h/db?application_name=x&sslmode=disable&connect_timeout=3";
        let pairs =
            r"host=h user=u dbname = 'd\'b' sslmode='disable' application_name=x\ y connect_timeout=3";
        let (url, pairs) = (parse(url), parse(pairs));
        assert_eq!(url.config.get_application_name(), Some("x"));
        assert_eq!(pairs.config.get_application_name(), Some("x y"));
        assert_eq!(pairs.config.get_dbname(), Some("d'b"));
        for address in [url, pairs] {
            assert_eq!(
                address.config.get_connect_timeout(),
                Some(&Duration::from_secs(3))
            );
            assert_eq!(address.tls.verify, None);
        }
    }

    #[test]
    fn sockets_need_no_tls() {
        for text in [
            "postgres://arca@%2Frun%2Fpostgresql/arca?sslmode=require",
            "host=/run/postgresql user=arca sslmode=verify-full",
            "postgres:///arca?host=/run/postgresql",
        ] {
            assert_eq!(parse(text).config.get_ssl_mode(), SslMode::Disable, "{text}");
        }
    }

    #[test]
    fn errors_do_not_quote_the_password() {
        for text in [
            "postgres://user:p4ssword@h:port/db",
            "postgres://user:p4ssword@h/db?nonsense=1",
            "postgres://user:p4ssword@h/db?sslmode=maybe",
            "postgres://user:p4ssword@h/db?sslcert=/x",
            "user=u password=p4ssword",
            "p4ssword",
        ] {
            let Err(error) = Address::parse(text) else {
                panic!("{text} is no address");
            };
            assert!(!format!("{error} {error:?}").contains("p4ssword"), "{error:?}");
        }
    }
}
