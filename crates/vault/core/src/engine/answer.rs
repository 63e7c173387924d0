//! What handlers answer with.

use std::collections::BTreeMap;

use arca_base::{Json, JsonText, Ttl};
use arca_storage::Revision;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::events::{Streamed, Subscription, Told};
use crate::fault::Fault;
use crate::log::Lines;
use crate::snapshot::Download;
use crate::tokens::{Issued, TokenKind};

/// An answer and what the caller should know besides.
pub struct Answer {
    /// The answer proper.
    pub body: Body,
    /// Shown to the caller next to the answer.
    pub warnings: Vec<String>,
    /// How long the caller may keep unleased data before asking again; zero to say nothing.
    pub refresh_after: Ttl,
    /// Headers of the answer; those are sent that the mount allows.
    pub headers: Vec<(&'static str, String)>,
}

/// The answer proper.
pub enum Body {
    /// Done, nothing to say: 204; for a read, 404.
    Empty,
    /// Nothing to report: 204, also for a read.
    NothingToReport,
    /// Accepted, going on in the background: 202.
    Accepted,
    /// Data: 200.
    Data(JsonText),
    /// There is nothing usable, but something is known of it: 404 with a full envelope.
    Missing(JsonText),
    /// Names: 200, or 404 when there are none.
    Listing(Listing),
    /// A secret that lives as long as its lease.
    Leased(JsonText, Grant),
    /// The lease of an earlier secret was extended.
    Renewed(crate::leases::Renewed),
    /// Somebody proved who they are; the lease stage makes the token.
    Login(Box<Login>),
    /// A token that was made or renewed.
    Token(Box<Issued>),
    /// The envelope of an earlier answer, kept by response wrapping.
    Envelope(JsonText),
    /// An answer kept for somebody else.
    Wrapped(crate::wrapping::Wrapped),
    /// A body of its own shape.
    Raw(RawBody),
    /// A body that goes on.
    Stream(Streamed),
}

/// Names in a folder.
#[derive(Default)]
pub struct Listing {
    /// The names, in byte order; folders end in a slash.
    pub names: Vec<String>,
    /// What is known of each, or of some.
    pub info: Option<Json>,
}

/// A body without the envelope.
pub struct RawBody {
    /// HTTP status.
    pub status: u16,
    /// Type of the body.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
    /// For how many seconds anybody may keep it; `None` for not at all.
    pub max_age: Option<u64>,
}

/// A record an engine wrote before it made a secret, so that a crash leaves no secret without a lease. The commit
/// that stores the lease removes it; one that is left over tells the engine what to undo.
#[derive(Clone, Debug)]
pub struct Intent {
    /// Its key in the [`View`](crate::barrier::View) of the mount.
    pub key: String,
    /// The commit that wrote it. If it was changed since, the engine is undoing, and there is no lease.
    pub revision: Revision,
}

/// The lease an engine wants for a secret.
#[derive(Clone, Debug, Default)]
pub struct Grant {
    /// How long the engine wants it to live; zero for the default of the mount.
    pub ttl: Ttl,
    /// How long at most; zero for the maximum of the mount.
    pub max_ttl: Ttl,
    /// Whether it can be renewed.
    pub renewable: bool,
    /// What the engine needs to renew and revoke; handed back to it, never shown.
    pub internal: Option<JsonText>,
    /// What must be within reach for it to be ended, such as a database: leases of one target wait for each other,
    /// not for those of another.
    pub target: String,
    /// What the engine wrote down before it made the secret.
    pub intent: Option<Intent>,
    /// What subscribers are told, with the commit that stores the lease.
    pub told: Option<Told>,
}

/// What an auth method, or a role of one, says about the tokens it issues.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenTerms {
    /// Policies of the token.
    pub policies: Vec<String>,
    /// How long it lives; zero for the default of the mount.
    pub ttl: Ttl,
    /// How long at most; zero for the maximum of the mount.
    pub max_ttl: Ttl,
    /// How long at most, whatever the mount says; zero for no such end.
    pub explicit_max_ttl: Ttl,
    /// Renewable for ever, each time by this long; zero for not.
    pub period: Ttl,
    /// Requests it is good for; zero for any number.
    pub num_uses: u64,
    /// Networks it may be used from; none for any.
    pub bound_cidrs: Vec<IpNet>,
    /// Leave the `default` policy out.
    pub no_default_policy: bool,
    /// Service or batch; `None` for what the mount says.
    pub kind: Option<TokenKind>,
    /// Whether it can be renewed.
    pub renewable: bool,
}

/// Somebody proved who they are.
#[derive(Clone, Debug, Default)]
pub struct Login {
    /// The name the method knows them by; makes or finds their entity. Empty for no entity.
    pub alias: String,
    /// What the method knows about them, kept with the alias.
    pub alias_metadata: BTreeMap<String, String>,
    /// Names of groups of an outside directory they are in.
    pub groups: Vec<String>,
    /// Name shown with the token, after the name of the mount.
    pub display_name: String,
    /// Texts shown with the token and in the audit log.
    pub metadata: BTreeMap<String, String>,
    /// Name of the role it was by, in lower case, as [`Engine::login_role`](super::Engine::login_role) tells it; empty
    /// for a method without roles.
    pub role: String,
    /// What tokens are like.
    pub terms: TokenTerms,
    /// What the method needs at renewal; handed back to it, never shown.
    pub internal: Option<JsonText>,
}

/// What an auth method says when a token of one of its logins is renewed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoginRenewal {
    /// What tokens are like today.
    pub terms: TokenTerms,
    /// Names of groups of an outside directory the holder is in today; `None` keeps what the login said, for a
    /// method that cannot ask again.
    pub groups: Option<Vec<String>>,
}

impl From<TokenTerms> for LoginRenewal {
    fn from(terms: TokenTerms) -> Self {
        Self { terms, groups: None }
    }
}

impl Answer {
    const fn of(body: Body) -> Self {
        Self {
            body,
            warnings: Vec::new(),
            refresh_after: Ttl::ZERO,
            headers: Vec::new(),
        }
    }

    /// Done, nothing to say.
    #[must_use]
    pub const fn empty() -> Self {
        Self::of(Body::Empty)
    }

    /// Nothing to report: 204, also for a read.
    #[must_use]
    pub const fn nothing_to_report() -> Self {
        Self::of(Body::NothingToReport)
    }

    /// A stream of events.
    pub(crate) fn stream(subscription: Subscription) -> Self {
        Self::of(Body::Stream(Streamed::new(subscription)))
    }

    /// Bytes that are not kept in memory.
    pub(crate) fn download(download: Download) -> Self {
        Self::of(Body::Stream(Streamed::of_bytes(download)))
    }

    /// The log, as it is written.
    pub(crate) fn lines(lines: Lines) -> Self {
        Self::of(Body::Stream(Streamed::of_lines(lines)))
    }

    /// Accepted, going on in the background.
    #[must_use]
    pub const fn accepted() -> Self {
        Self::of(Body::Accepted)
    }

    /// An object.
    #[must_use]
    pub fn data(data: &Json) -> Self {
        Self::of(Body::Data(data.to_text()))
    }

    /// Canonical text of an object.
    #[must_use]
    pub const fn text(data: JsonText) -> Self {
        Self::of(Body::Data(data))
    }

    /// Any serializable object.
    ///
    /// # Errors
    /// [`Fault::internal`] when the value has no JSON form.
    pub fn typed<T: Serialize>(data: &T) -> Result<Self, Fault> {
        Ok(Self::data(&Json::from_serialize(data).map_err(Fault::internal)?))
    }

    /// Nothing usable, but something is known of it.
    #[must_use]
    pub const fn missing(data: JsonText) -> Self {
        Self::of(Body::Missing(data))
    }

    /// Names.
    #[must_use]
    pub const fn names(names: Vec<String>) -> Self {
        Self::of(Body::Listing(Listing { names, info: None }))
    }

    /// Names and what is known of them.
    #[must_use]
    pub const fn names_with_info(names: Vec<String>, info: Json) -> Self {
        Self::of(Body::Listing(Listing {
            names,
            info: Some(info),
        }))
    }

    /// A secret that lives as long as its lease.
    #[must_use]
    pub fn leased(data: &Json, grant: Grant) -> Self {
        Self::of(Body::Leased(data.to_text(), grant))
    }

    /// Somebody proved who they are.
    #[must_use]
    pub fn login(login: Login) -> Self {
        Self::of(Body::Login(Box::new(login)))
    }

    /// A token that was made or renewed.
    #[must_use]
    pub fn token(issued: Issued) -> Self {
        Self::of(Body::Token(Box::new(issued)))
    }

    /// A lease that was extended.
    #[must_use]
    pub const fn renewed(renewed: crate::leases::Renewed) -> Self {
        Self::of(Body::Renewed(renewed))
    }

    /// The envelope of an earlier answer.
    #[must_use]
    pub const fn envelope(envelope: JsonText) -> Self {
        Self::of(Body::Envelope(envelope))
    }

    /// An answer kept for somebody else.
    #[must_use]
    pub const fn wrapped(wrapped: crate::wrapping::Wrapped) -> Self {
        Self::of(Body::Wrapped(wrapped))
    }

    /// A JSON body without the envelope.
    #[must_use]
    pub fn raw_json(status: u16, body: &Json) -> Self {
        let mut body = body.to_text().into_string();
        body.push('\n');
        Self::of(Body::Raw(RawBody {
            status,
            content_type: "application/json",
            body,
            max_age: None,
        }))
    }

    /// A body of another type.
    #[must_use]
    pub const fn raw(status: u16, content_type: &'static str, body: String) -> Self {
        Self::of(Body::Raw(RawBody {
            status,
            content_type,
            body,
            max_age: None,
        }))
    }

    /// Lets anybody keep a body of its own shape for so many seconds: only what is no secret.
    #[must_use]
    pub const fn kept_for(mut self, seconds: u64) -> Self {
        if let Body::Raw(raw) = &mut self.body {
            raw.max_age = Some(seconds);
        }
        self
    }

    /// Says how long the caller may keep unleased data before asking again.
    #[must_use]
    pub const fn refresh_after(mut self, ttl: Ttl) -> Self {
        self.refresh_after = ttl;
        self
    }

    /// Adds a header, which is sent if the mount lists it in `allowed_response_headers`.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Adds a warning.
    #[must_use]
    pub fn warn(mut self, warning: impl Into<String>) -> Self {
        self.warnings.push(warning.into());
        self
    }

    /// Adds warnings.
    #[must_use]
    pub fn warn_all(mut self, warnings: impl IntoIterator<Item = String>) -> Self {
        self.warnings.extend(warnings);
        self
    }
}

/// The page size a client asked for: nothing or zero is everything, up to what one answer may hold.
///
/// # Errors
/// A negative limit is refused.
pub fn list_limit(limit: i64) -> Result<usize, Fault> {
    const EVERYTHING: usize = 1_000_000;
    match usize::try_from(limit) {
        Ok(0) => Ok(EVERYTHING),
        Ok(limit) => Ok(limit.min(EVERYTHING)),
        Err(_) if limit == -1 => Ok(EVERYTHING),
        Err(_) => Err(Fault::invalid("limit must be zero or positive")),
    }
}
