//! Where a server listens.

use std::fmt;
use std::path::{Path, PathBuf};

use url::Url;

use crate::config::ConfigError;

/// The name used in URLs when the connection does not go by name.
const LOCAL: &str = "localhost";

/// The address of a server: `https://host:8200`, `http://host:8200/prefix` or `unix:///run/arca.sock`.
///
/// A user name and password in the URL are dropped: no server reads them, and addresses are printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    /// Scheme, authority and path prefix, without a slash at the end.
    base: String,
    socket: Option<PathBuf>,
}

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// [`ConfigError`] when it is not a URL of one of the three kinds.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let text = text.trim();
        if let Some(path) = text.strip_prefix("unix://") {
            return Self::at_socket(text, path);
        }
        let bad = |reason: String| ConfigError::Address {
            address: text.to_owned(),
            reason,
        };
        if !text.contains("://") {
            return Err(bad("http:// or https:// is missing".to_owned()));
        }
        let mut url = Url::parse(text).map_err(|error| bad(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(bad(format!("{}:// is not known", url.scheme())));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(bad("it names no host".to_owned()));
        }
        url.set_query(None);
        url.set_fragment(None);
        // Both only fail for URLs without a host.
        let _ = (url.set_username(""), url.set_password(None));
        Ok(Self {
            base: url.as_str().trim_end_matches('/').to_owned(),
            socket: None,
        })
    }

    fn at_socket(text: &str, path: &str) -> Result<Self, ConfigError> {
        if !path.starts_with('/') {
            return Err(ConfigError::Address {
                address: text.to_owned(),
                reason: "the path of a socket begins with a slash".to_owned(),
            });
        }
        Ok(Self {
            base: format!("http://{LOCAL}"),
            socket: Some(PathBuf::from(path)),
        })
    }

    /// An address for a transport inside the process.
    #[must_use]
    pub fn in_process() -> Self {
        Self {
            base: format!("http://{LOCAL}"),
            socket: None,
        }
    }

    /// The URL of everything below the API root, without a slash at the end.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The name or IP address of the server, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        let after_scheme = self.base.split_once("://").map_or("", |(_, rest)| rest);
        let authority = after_scheme.split('/').next().unwrap_or_default();
        match authority.strip_prefix('[') {
            Some(v6) => v6.split(']').next().unwrap_or_default(),
            None => authority.split(':').next().unwrap_or_default(),
        }
    }

    /// Whether connections are encrypted.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.base.starts_with("https://")
    }

    /// The Unix socket to connect to, if it is one.
    #[must_use]
    pub fn socket(&self) -> Option<&Path> {
        self.socket.as_deref()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.socket {
            Some(path) => write!(f, "unix://{}", path.display()),
            None => f.write_str(&self.base),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_urls_and_sockets() {
        for (text, base, shown, host) in [
            ("https://h:8200", "https://h:8200", "https://h:8200", "h"),
            (" http://h:8200/ ", "http://h:8200", "http://h:8200", "h"),
            ("https://h/vault/?q#f", "https://h/vault", "https://h/vault", "h"),
            (
                "https://[::1]:8200",
                "https://[::1]:8200",
                "https://[::1]:8200",
                "::1",
            ),
            ("https://u:canary@h", "https://h", "https://h", "h"),
            (
                "unix:///run/a.sock",
                "http://localhost",
                "unix:///run/a.sock",
                "localhost",
            ),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!((address.base(), address.to_string().as_str()), (base, shown));
            assert_eq!(address.host(), host);
            assert_eq!(address.is_https(), base.starts_with("https"));
        }
        let socket = Address::parse("unix:///run/a.sock").unwrap();
        assert_eq!(socket.socket(), Some(Path::new("/run/a.sock")));
    }

    #[test]
    fn refuses_the_rest_with_the_fix() {
        for text in [
            "",
            "h:8200",
            "127.0.0.1:8200",
            "ftp://h",
            "https://",
            "unix://relative",
            "/run/a.sock",
        ] {
            let message = Address::parse(text).unwrap_err().to_string();
            assert!(message.contains("https://host:8200"), "{text}: {message}");
        }
    }
}
