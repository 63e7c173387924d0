//! What enters the pipeline and what leaves it.

use arca_base::json::Object;
use arca_base::{Operation, RequestPath, Secret, Ttl};

use super::inline_auth::InlineAuth;
use crate::engine::ClientInfo;
use crate::events::Streamed;
use crate::web::RequestHeaders;

/// A request, read and bounded by the server.
pub struct Incoming {
    /// What is done; a write is [`Operation::Update`] until its endpoint tells whether the object exists.
    pub operation: Operation,
    /// Where.
    pub path: RequestPath,
    /// The namespace asked for, as sent.
    pub namespace: String,
    /// The token, as sent.
    pub token: Option<Secret<String>>,
    /// A login to take instead of a token.
    pub inline_auth: Option<Box<InlineAuth>>,
    /// How long the caller wants the answer wrapped.
    pub wrap_ttl: Option<Ttl>,
    /// Second factors, as sent: `METHOD[:PASSCODE]` each.
    pub factors: Vec<Secret<String>>,
    /// Body of a write, query of anything else.
    pub data: Object,
    /// Its headers, as far as somebody asks for them.
    pub headers: RequestHeaders,
    /// Where it comes from.
    pub client: ClientInfo,
}

/// A request that could not be read: what is known of it, for the audit log.
pub struct Unread {
    /// What was to be done, as far as known.
    pub operation: Operation,
    /// Where, as far as known; shortened and without unprintable characters.
    pub path: String,
    /// Where it comes from.
    pub client: ClientInfo,
}

/// An answer, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Type of the body; none for an empty one.
    pub content_type: Option<&'static str>,
    /// The body. May hold secrets.
    pub body: Body,
    /// Whether this is about the login inside the request.
    pub inline_auth_failed: bool,
    /// Headers the engine sets and the mount allows.
    pub headers: Vec<(&'static str, String)>,
    /// After how many seconds to ask again, where that is known.
    pub retry_after: Option<u64>,
    /// For how many seconds anybody may keep it; `None` for not at all.
    pub max_age: Option<u64>,
    /// What follows after the body, for as long as it goes on.
    pub stream: Option<Streamed>,
}

/// A body. Shows its length only.
#[derive(Clone, PartialEq, Eq)]
pub struct Body(pub String);

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Reply {
    /// An answer without a body.
    #[must_use]
    pub const fn empty(status: u16) -> Self {
        Self {
            status,
            content_type: None,
            body: Body(String::new()),
            inline_auth_failed: false,
            headers: Vec::new(),
            retry_after: None,
            max_age: None,
            stream: None,
        }
    }

    /// A JSON answer.
    #[must_use]
    pub const fn json(status: u16, body: String) -> Self {
        Self {
            status,
            content_type: Some("application/json"),
            body: Body(body),
            inline_auth_failed: false,
            headers: Vec::new(),
            retry_after: None,
            max_age: None,
            stream: None,
        }
    }
}
