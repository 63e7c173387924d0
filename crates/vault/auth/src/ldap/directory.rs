//! A connection to a directory: connect, bind, search. The only file that knows the LDAP library.
//!
//! References to other servers are never followed. Every answer has a limit in time, entries and bytes. The library
//! panics on answers that are no LDAP, so each operation runs in a task of its own, whose end is then an error.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use arca_base::Secret;
use arca_client::SessionTls;
use ldap3::adapters::{Adapter, PagedResults};
use ldap3::{DerefAliases, LdapConnAsync, LdapConnSettings, LdapError, ResultEntry, Scope, SearchOptions};
use tokio::task::JoinSet;
use url::Url;

/// Most bytes of the entries of one search.
const LARGEST: usize = 8 << 20;

/// Longest text of the directory that is repeated to operators.
const LONGEST_MESSAGE: usize = 300;

/// How a server of the directory is reached and asked.
pub(super) struct Manner {
    /// Whether TLS begins with StartTLS where the address says `ldap://`.
    pub(super) starttls: bool,
    pub(super) tls: SessionTls,
    /// How long connecting may take.
    pub(super) connection_timeout: Duration,
    /// How long an answer may take.
    pub(super) request_timeout: Duration,
    pub(super) aliases: Aliases,
    /// Entries of one page; zero for searches without pages.
    pub(super) page_size: u16,
}

/// When searches follow aliases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Aliases {
    #[default]
    Never,
    Finding,
    Searching,
    Always,
}

/// Where to search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// The entry itself.
    Entry,
    /// The entry and all below it.
    Subtree,
}

/// A search.
pub(super) struct Search<'a> {
    pub(super) base: &'a str,
    pub(super) reach: Reach,
    pub(super) filter: &'a str,
    pub(super) attributes: &'a [&'a str],
    /// Most entries; more are an error.
    pub(super) most: usize,
}

/// An entry that was found. Names of attributes are in lower case.
#[derive(Debug, Default)]
pub(super) struct Entry {
    pub(super) dn: String,
    values: HashMap<String, Vec<Vec<u8>>>,
}

impl Entry {
    /// An entry of which only the name is known.
    pub(super) fn named(dn: String) -> Self {
        Self {
            dn,
            ..Self::default()
        }
    }

    /// The values of an attribute.
    pub(super) fn bytes(&self, attribute: &str) -> &[Vec<u8>] {
        self.values
            .get(&attribute.to_ascii_lowercase())
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// The values of an attribute that are texts.
    pub(super) fn texts(&self, attribute: &str) -> impl Iterator<Item = &str> {
        self.bytes(attribute)
            .iter()
            .filter_map(|value| str::from_utf8(value).ok())
    }
}

/// Why the directory gave no usable answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum DirectoryError {
    #[error("cannot connect to {url}: {reason}")]
    Connect { url: String, reason: String },
    #[error("the connection broke: {0}")]
    Broken(String),
    #[error("the directory has not answered within {0} seconds")]
    TimedOut(u64),
    #[error("the directory answers with result code {code} ({name}): {message}")]
    Refused {
        code: u32,
        name: &'static str,
        message: String,
    },
    #[error("the search found more than {0} entries or more than {LARGEST} bytes")]
    TooMuch(usize),
    #[error("the answer of the directory is not LDAP")]
    Unreadable,
    #[error("an empty name or password is no proof of anything")]
    NoPassword,
}

impl DirectoryError {
    /// Whether the directory says that name or password are wrong, or that the account may not log in.
    pub(super) const fn is_wrong_credential(&self) -> bool {
        // noSuchObject, invalidDNSyntax, inappropriateAuthentication, invalidCredentials, insufficientAccessRights,
        // unwillingToPerform (RFC 4511, appendix A).
        matches!(
            self,
            Self::NoPassword
                | Self::Refused {
                    code: 32 | 34 | 48 | 49 | 50 | 53,
                    ..
                }
        )
    }

    fn refused(code: u32, message: &str) -> Self {
        let printable = message.chars().filter(|letter| !letter.is_control());
        Self::Refused {
            code,
            name: name_of(code),
            message: printable.take(LONGEST_MESSAGE).collect(),
        }
    }
}

impl From<LdapError> for DirectoryError {
    fn from(error: LdapError) -> Self {
        match error {
            LdapError::LdapResult { result } => Self::refused(result.rc, &result.text),
            LdapError::ResultRecv { .. } | LdapError::OpSend { .. } | LdapError::EndOfStream => {
                Self::Broken("the server has closed it".to_owned())
            }
            other => Self::Broken(other.to_string()),
        }
    }
}

/// A connection.
pub(super) struct Directory {
    ldap: ldap3::Ldap,
    patience: Duration,
    aliases: Aliases,
    page_size: u16,
    /// The task that moves the bytes ends with the connection.
    _driver: JoinSet<()>,
}

impl Directory {
    /// Connects to one server, with TLS if the address or the manner say so.
    pub(super) async fn connect(url: &Url, manner: &Manner) -> Result<Self, DirectoryError> {
        let settings = LdapConnSettings::new()
            .set_config(manner.tls.config())
            .set_starttls(manner.starttls);
        let address = url.clone();
        let failed = |reason: String| DirectoryError::Connect {
            url: shown(url),
            reason,
        };
        let connecting = async move { Ok(LdapConnAsync::from_url_with_settings(settings, &address).await?) };
        let connected = contained(manner.connection_timeout, connecting).await;
        let (connection, ldap) = connected.map_err(|error| match error {
            DirectoryError::Broken(reason) => failed(reason),
            DirectoryError::TimedOut(seconds) => failed(format!("no answer within {seconds} seconds")),
            other => failed(other.to_string()),
        })?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // Whoever waits for an answer learns of the end by itself.
            let _ = connection.drive().await;
        });
        Ok(Self {
            ldap,
            patience: manner.request_timeout,
            aliases: manner.aliases,
            page_size: manner.page_size,
            _driver: driver,
        })
    }

    /// Proves to be somebody. Never with an empty name or password: directories take that for nobody, and say yes.
    pub(super) async fn bind(&mut self, dn: &str, password: &Secret<String>) -> Result<(), DirectoryError> {
        if dn.is_empty() || password.expose().is_empty() {
            return Err(DirectoryError::NoPassword);
        }
        let (mut ldap, dn, password) = (self.ldap.clone(), dn.to_owned(), password.duplicate());
        let answer = contained(self.patience, async move {
            Ok(ldap.simple_bind(&dn, password.expose()).await?)
        })
        .await?;
        match answer.rc {
            0 => Ok(()),
            code => Err(DirectoryError::refused(code, &answer.text)),
        }
    }

    /// Finds entries. References to other servers are left out.
    pub(super) async fn search(&mut self, search: &Search<'_>) -> Result<Vec<Entry>, DirectoryError> {
        let ldap = self.ldap.clone();
        let attributes: Vec<String> = search.attributes.iter().map(|name| (*name).to_owned()).collect();
        let reach = match search.reach {
            Reach::Entry => Scope::Base,
            Reach::Subtree => Scope::Subtree,
        };
        let asked = Asked {
            base: search.base.to_owned(),
            reach,
            filter: search.filter.to_owned(),
            attributes,
            most: search.most,
            aliases: self.aliases,
            // One entry needs no pages.
            page_size: if reach == Scope::Base { 0 } else { self.page_size },
        };
        contained(self.patience, asked.run(ldap)).await
    }
}

/// A search that owns what it needs.
struct Asked {
    base: String,
    reach: Scope,
    filter: String,
    attributes: Vec<String>,
    most: usize,
    aliases: Aliases,
    page_size: u16,
}

type Adapters = Vec<Box<dyn Adapter<'static, String, Vec<String>>>>;

impl Asked {
    async fn run(self, mut ldap: ldap3::Ldap) -> Result<Vec<Entry>, DirectoryError> {
        let mut options = SearchOptions::new().deref(match self.aliases {
            Aliases::Never => DerefAliases::Never,
            Aliases::Finding => DerefAliases::Finding,
            Aliases::Searching => DerefAliases::Searching,
            Aliases::Always => DerefAliases::Always,
        });
        let mut adapters: Adapters = Vec::new();
        if self.page_size > 0 {
            adapters.push(Box::new(PagedResults::new(i32::from(self.page_size))));
        } else {
            // One more than may be, so that too many can be told from just enough.
            options = options.sizelimit(i32::try_from(self.most + 1).unwrap_or(i32::MAX));
        }
        let mut found = Vec::new();
        let mut bytes = 0;
        let mut stream = ldap
            .with_search_options(options)
            .streaming_search_with(adapters, &self.base, self.reach, &self.filter, self.attributes)
            .await?;
        while let Some(answer) = stream.next().await? {
            if answer.is_ref() || answer.is_intermediate() {
                continue;
            }
            let (entry, size) = read(answer).ok_or(DirectoryError::Unreadable)?;
            bytes += size;
            found.push(entry);
            if found.len() > self.most || bytes > LARGEST {
                return Err(DirectoryError::TooMuch(self.most));
            }
        }
        let end = stream.finish().await;
        match end.rc {
            0 => Ok(found),
            // sizeLimitExceeded, adminLimitExceeded
            4 | 11 => Err(DirectoryError::TooMuch(self.most)),
            code => Err(DirectoryError::refused(code, &end.text)),
        }
    }
}

/// An entry and its size in bytes: `SEQUENCE { name, SEQUENCE OF SEQUENCE { type, SET OF value } }`, RFC 4511, 4.5.2.
fn read(answer: ResultEntry) -> Option<(Entry, usize)> {
    let mut parts = answer.0.match_id(4)?.expect_constructed()?.into_iter();
    let dn = String::from_utf8(parts.next()?.expect_primitive()?).ok()?;
    let mut size = dn.len();
    let mut entry = Entry {
        dn,
        values: HashMap::new(),
    };
    for attribute in parts.next()?.expect_constructed()? {
        let mut parts = attribute.expect_constructed()?.into_iter();
        let name = String::from_utf8(parts.next()?.expect_primitive()?).ok()?;
        let values = parts.next()?.expect_constructed()?;
        let values: Option<Vec<Vec<u8>>> = values.into_iter().map(|value| value.expect_primitive()).collect();
        let values = values?;
        size += name.len() + values.iter().map(Vec::len).sum::<usize>();
        entry.values.insert(name.to_ascii_lowercase(), values);
    }
    Some((entry, size))
}

/// Runs an operation in a task of its own, for so long at most. Dropping the future ends the task.
async fn contained<T: Send + 'static>(
    patience: Duration,
    operation: impl Future<Output = Result<T, DirectoryError>> + Send + 'static,
) -> Result<T, DirectoryError> {
    let mut task = JoinSet::new();
    task.spawn(operation);
    match tokio::time::timeout(patience, task.join_next()).await {
        Err(_) => Err(DirectoryError::TimedOut(patience.as_secs())),
        Ok(Some(Ok(done))) => done,
        Ok(_) => Err(DirectoryError::Unreadable),
    }
}

/// Whether a text is a search filter.
pub(super) fn is_filter(text: &str) -> bool {
    ldap3::parse_filter(text).is_ok()
}

/// An address without anything secret.
pub(super) fn shown(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default())
}

/// Names of result codes people meet, RFC 4511, appendix A.
const fn name_of(code: u32) -> &'static str {
    match code {
        1 => "operationsError",
        2 => "protocolError",
        8 => "strongerAuthRequired",
        10 => "referral",
        13 => "confidentialityRequired",
        32 => "noSuchObject",
        34 => "invalidDNSyntax",
        48 => "inappropriateAuthentication",
        49 => "invalidCredentials",
        50 => "insufficientAccessRights",
        51 => "busy",
        52 => "unavailable",
        53 => "unwillingToPerform",
        _ => "other",
    }
}
