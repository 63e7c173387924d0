//! Where requests come in, and what each listener allows.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use arca_base::json::Limits as JsonLimits;
use http::{HeaderName, HeaderValue};
use ipnet::IpNet;

/// Largest body of a request unless a listener says otherwise.
pub const DEFAULT_BODY_BYTES: usize = 32 << 20;

/// Where requests come in, and what is allowed there.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Where.
    pub address: ListenAddress,
    /// Certificates and versions; none for plain HTTP.
    pub tls: Option<Tls>,
    /// Whether connections begin with the address of the client.
    pub proxy_protocol: Option<ProxyProtocol>,
    /// Whether `X-Forwarded-For` is believed.
    pub forwarded: Option<Forwarded>,
    /// What a request may cost.
    pub limits: RequestLimits,
    /// How long a client may take.
    pub timeouts: Timeouts,
    /// Headers added to answers.
    pub headers: Vec<CustomHeader>,
    /// Who may read metrics.
    pub metrics: MetricsAccess,
}

/// Where a listener listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// `host:port`; without a host, every address of the machine.
    Tcp(String),
    /// A socket in the file system.
    Unix(UnixSocket),
}

/// A socket in the file system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnixSocket {
    /// The file.
    pub path: PathBuf,
    /// Its permissions, if not those of the process.
    pub mode: Option<u32>,
    /// Its owner by name or number.
    pub user: Option<String>,
    /// Its group by name or number.
    pub group: Option<String>,
}

/// Certificates and versions of TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The certificate chain in PEM, leaf first.
    pub certificate: PathBuf,
    /// Its key in PEM.
    pub key: PathBuf,
    /// Oldest version.
    pub min_version: TlsVersion,
    /// Newest version.
    pub max_version: TlsVersion,
    /// TLS 1.2 cipher suites by their standard names; all that are good when empty.
    pub cipher_suites: Vec<String>,
    /// What is asked of clients.
    pub client: ClientCertificates,
}

/// Versions of TLS that are spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// TLS 1.2
    Tls12,
    /// TLS 1.3
    Tls13,
}

/// What is asked of clients in the handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientCertificates {
    /// No certificate.
    Disabled,
    /// A certificate if they have one; the auth method that reads it checks it.
    Requested {
        /// Authorities named as a hint.
        authorities: Option<PathBuf>,
    },
    /// A certificate that one of these authorities has signed.
    Required {
        /// The authorities.
        authorities: PathBuf,
    },
}

/// Connections that begin with the address of the client (PROXY protocol).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyProtocol {
    /// What to do with the address.
    pub behavior: ProxyBehavior,
    /// Proxies that are believed.
    pub authorized: Vec<IpNet>,
}

/// What to do with the address a proxy gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyBehavior {
    /// Believe it.
    UseAlways,
    /// Believe authorized proxies, pass over what others say.
    AllowAuthorized,
    /// Believe authorized proxies, refuse connections of others.
    DenyUnauthorized,
}

/// When `X-Forwarded-For` is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forwarded {
    /// Proxies that are believed.
    pub authorized: Vec<IpNet>,
    /// How many addresses at the end of the header are those of proxies.
    pub hop_skips: usize,
    /// Whether other senders are refused rather than not believed.
    pub reject_not_authorized: bool,
    /// Whether a request without the header is refused.
    pub reject_not_present: bool,
}

/// What a request may cost.
#[derive(Clone, Copy, Debug)]
pub struct RequestLimits {
    /// Largest body, in bytes.
    pub body_bytes: usize,
    /// Bounds of its JSON.
    pub json: JsonLimits,
    /// How long answering may take.
    pub duration: Duration,
    /// What key share holders may not do here.
    pub closed: ClosedCeremonies,
}

/// Ceremonies of key share holders, which need no token, that a listener does not serve: 405 instead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClosedCeremonies {
    /// `sys/rekey/*` and `sys/rekey-recovery-key/*`.
    pub rekey: bool,
    /// `sys/generate-root/*`.
    pub generate_root: bool,
}

impl ClosedCeremonies {
    /// Whether a request for this path, without `/v1/`, is not served.
    #[must_use]
    pub fn covers(self, path: &str) -> bool {
        let Some(below) = path.strip_prefix("sys/") else {
            return false;
        };
        let root = self.generate_root && below.starts_with("generate-root");
        root || self.rekey && below.starts_with("rekey")
    }
}

/// How long a client may take. `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For the head of a request, and for the TLS handshake.
    pub header: Option<Duration>,
    /// For the body of a request.
    pub body: Option<Duration>,
    /// For taking an answer.
    pub write: Option<Duration>,
    /// For the next request.
    pub idle: Option<Duration>,
}

/// Who may read metrics at a listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MetricsAccess {
    /// Anybody, without a token.
    pub open: bool,
    /// The listener answers for nothing else.
    pub only: bool,
    /// Nobody.
    pub disallowed: bool,
}

/// A header added to answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomHeader {
    /// To which.
    pub statuses: Statuses,
    /// The header.
    pub name: HeaderName,
    /// Its value.
    pub value: HeaderValue,
}

/// A set of HTTP statuses, the wider before the narrower.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Statuses {
    /// Every one.
    All,
    /// All with this first digit.
    Class(u16),
    /// This one.
    One(u16),
}

impl Listener {
    /// A listener with every default: plain HTTP at `address` (`host:port`; port 0 for any free one).
    #[must_use]
    pub fn plain(address: impl Into<String>) -> Self {
        Self::new(ListenAddress::Tcp(address.into()))
    }

    /// A listener with every default.
    #[must_use]
    pub fn new(address: ListenAddress) -> Self {
        Self {
            address,
            tls: None,
            proxy_protocol: None,
            forwarded: None,
            limits: RequestLimits::default(),
            timeouts: Timeouts::default(),
            headers: Vec::new(),
            metrics: MetricsAccess::default(),
        }
    }

    /// `tcp` or `unix`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self.address {
            ListenAddress::Tcp(_) => "tcp",
            ListenAddress::Unix(_) => "unix",
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => f.write_str(address),
            Self::Unix(socket) => write!(f, "unix:{}", socket.path.display()),
        }
    }
}

impl Tls {
    /// A certificate chain and its key, and every default: TLS 1.2 and 1.3, client certificates requested.
    #[must_use]
    pub fn new(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self {
            certificate: certificate.into(),
            key: key.into(),
            min_version: TlsVersion::Tls12,
            max_version: TlsVersion::Tls13,
            cipher_suites: Vec::new(),
            client: ClientCertificates::Requested { authorities: None },
        }
    }
}

impl TlsVersion {
    /// As it is written in a configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tls12 => "tls12",
            Self::Tls13 => "tls13",
        }
    }
}

impl Statuses {
    /// Whether `status` is one of them.
    #[must_use]
    pub const fn contain(self, status: u16) -> bool {
        match self {
            Self::All => true,
            Self::Class(class) => status / 100 == class,
            Self::One(one) => status == one,
        }
    }
}

impl Default for RequestLimits {
    /// 32 MiB, the default bounds of JSON, 90 seconds.
    fn default() -> Self {
        Self {
            body_bytes: DEFAULT_BODY_BYTES,
            json: JsonLimits::default(),
            duration: Duration::from_secs(90),
            closed: ClosedCeremonies::default(),
        }
    }
}

impl Default for Timeouts {
    /// 10 seconds for a head, 30 for a body, 5 minutes between requests, no limit for taking an answer.
    fn default() -> Self {
        Self {
            header: Some(Duration::from_secs(10)),
            body: Some(Duration::from_secs(30)),
            write: None,
            idle: Some(Duration::from_secs(300)),
        }
    }
}
