//! Outcomes a client can see when something is not done.
//!
//! Engines and stages return a [`Fault`]; [`Class`] decides the status, the metric label and the log level in one
//! table. Internal causes stay here: the client gets a request identifier, the log gets the cause.

use std::error::Error;

use arca_api::FieldError;
use arca_base::JsonText;
use arca_base::path::BadPath;

use crate::barrier::{BadStored, BarrierError};

/// What kind of refusal a fault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// The request is wrong: 400.
    Invalid,
    /// The caller may not do this: 403.
    Denied,
    /// There is nothing at this path: 404.
    NotFound,
    /// The path exists, the operation does not: 405.
    WrongOperation,
    /// The body is of a type the operation does not take: 415.
    WrongMediaType,
    /// The body is larger than allowed: 413.
    TooLarge,
    /// Too many requests: 429.
    Limited,
    /// The server is sealed, or a part of it is busy: 503.
    Unavailable,
    /// Something failed that is not the caller's doing: 500.
    Internal,
}

impl Class {
    /// HTTP status, metric label and whether it is the server's failure.
    const fn row(self) -> (u16, &'static str, bool) {
        match self {
            Self::Invalid => (400, "invalid", false),
            Self::Denied => (403, "denied", false),
            Self::NotFound => (404, "not_found", false),
            Self::WrongOperation => (405, "wrong_operation", false),
            Self::WrongMediaType => (415, "wrong_media_type", false),
            Self::TooLarge => (413, "too_large", false),
            Self::Limited => (429, "limited", false),
            Self::Unavailable => (503, "unavailable", false),
            Self::Internal => (500, "internal", true),
        }
    }

    /// HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.row().0
    }

    /// Label for metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        self.row().1
    }

    /// Whether the server failed, so that the cause belongs in its log.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        self.row().2
    }
}

/// A request that was not done, and what its caller may know of the reason.
#[derive(Debug)]
pub struct Fault {
    class: Class,
    text: String,
    /// Bare errors are wrapped as a list for authenticated callers, answers of a handler are not; clients
    /// match both texts.
    bare: bool,
    silent: bool,
    data: Option<JsonText>,
    reason: Option<String>,
    retry_after: Option<u64>,
    cause: Option<Box<dyn Error + Send + Sync>>,
    inline_auth: bool,
}

impl Fault {
    fn new(class: Class, text: impl Into<String>, bare: bool) -> Self {
        Self {
            class,
            text: text.into(),
            bare,
            silent: false,
            data: None,
            reason: None,
            retry_after: None,
            cause: None,
            inline_auth: false,
        }
    }

    /// 400 with this text as it is: the answer of a handler that understood the request and refuses it.
    pub fn invalid(text: impl Into<String>) -> Self {
        Self::new(Class::Invalid, text, false)
    }

    /// 400 with this text wrapped as a list of errors.
    pub fn invalid_bare(text: impl Into<String>) -> Self {
        Self::new(Class::Invalid, text, true)
    }

    /// 403.
    #[must_use]
    pub fn denied() -> Self {
        Self::new(Class::Denied, "permission denied", true)
    }

    /// 403 for a caller nobody knows; only the audit log learns why.
    pub fn denied_unknown(reason: impl Into<String>) -> Self {
        Self::denied().because(reason)
    }

    /// 403 with this text as it is.
    pub fn denied_with(text: impl Into<String>) -> Self {
        Self::new(Class::Denied, text, false)
    }

    /// 404 without a message: what clients take for "no such secret".
    #[must_use]
    pub fn absent() -> Self {
        Self {
            silent: true,
            ..Self::new(Class::NotFound, "", false)
        }
    }

    /// 404 with this text wrapped as a list of errors.
    pub fn not_found_bare(text: impl Into<String>) -> Self {
        Self::new(Class::NotFound, text, true)
    }

    /// 404 with this text as it is.
    pub fn not_found_plain(text: impl Into<String>) -> Self {
        Self::new(Class::NotFound, text, false)
    }

    /// 404: no engine is mounted at the path.
    #[must_use]
    pub fn no_route(path: &str) -> Self {
        Self::new(
            Class::NotFound,
            format!("no handler for route {path:?}. route entry not found."),
            false,
        )
    }

    /// 404: the engine has nothing at the path.
    #[must_use]
    pub fn unsupported_path() -> Self {
        Self::new(Class::NotFound, "unsupported path", true)
    }

    /// 405: the path exists, the operation does not.
    #[must_use]
    pub fn unsupported_operation() -> Self {
        Self::new(Class::WrongOperation, "unsupported operation", true)
    }

    /// 405 without a message, for anybody: endpoints that answer before a token is looked at.
    #[must_use]
    pub fn wrong_method() -> Self {
        Self {
            silent: true,
            ..Self::new(Class::WrongOperation, "", false)
        }
    }

    /// 415.
    pub fn wrong_media_type(text: impl Into<String>) -> Self {
        Self::new(Class::WrongMediaType, text, false)
    }

    /// 413.
    #[must_use]
    pub fn too_large() -> Self {
        Self::new(Class::TooLarge, "http: request body too large", false)
    }

    /// 503: sealed or not initialized.
    #[must_use]
    pub fn sealed() -> Self {
        Self::new(Class::Unavailable, "Vault is sealed", false)
    }

    /// 503: cannot be done now; trying again may help.
    pub fn unavailable(text: impl Into<String>) -> Self {
        Self::new(Class::Unavailable, text, true)
    }

    /// 429.
    pub fn limited(text: impl Into<String>) -> Self {
        Self::new(Class::Limited, text, false)
    }

    /// 500 with a text the client may see.
    pub fn failed(text: impl Into<String>) -> Self {
        Self::new(Class::Internal, text, true)
    }

    /// 500 without details for the client; the cause is for the log.
    pub fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            cause: Some(cause.into()),
            ..Self::new(Class::Internal, "internal error", true)
        }
    }

    /// Adds the reason of a denial, for the audit log and for callers who may ask why.
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// Says after how many seconds to try again.
    #[must_use]
    pub const fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Adds data to the error body.
    #[must_use]
    pub fn with_data(mut self, data: JsonText) -> Self {
        self.data = Some(data);
        self
    }

    /// The same fault once more, without its cause.
    #[must_use]
    pub fn again(&self) -> Self {
        Self {
            class: self.class,
            text: self.text.clone(),
            bare: self.bare,
            silent: self.silent,
            data: self.data.clone(),
            reason: self.reason.clone(),
            retry_after: self.retry_after,
            cause: None,
            inline_auth: self.inline_auth,
        }
    }

    /// The same, as what became of a login inside the request.
    #[must_use]
    pub(crate) const fn of_inline_auth(mut self) -> Self {
        self.inline_auth = true;
        self
    }

    /// Whether the login inside the request failed, and not the request.
    pub(crate) const fn is_of_inline_auth(&self) -> bool {
        self.inline_auth
    }

    /// What kind of refusal this is.
    #[must_use]
    pub const fn class(&self) -> Class {
        self.class
    }

    /// The message without any wrapping.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The message as the body shows it; `None` for an empty list of errors.
    #[must_use]
    pub fn message(&self, authenticated: bool) -> Option<String> {
        if self.silent {
            None
        } else if self.bare && authenticated {
            Some(arca_api::multierror(&[&self.text]))
        } else {
            Some(self.text.clone())
        }
    }

    /// Data of the error body.
    #[must_use]
    pub const fn data(&self) -> Option<&JsonText> {
        self.data.as_ref()
    }

    /// After how many seconds to try again.
    #[must_use]
    pub const fn seconds_to_wait(&self) -> Option<u64> {
        self.retry_after
    }

    /// Why it was denied.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// What the log should say besides the message.
    #[must_use]
    pub fn cause(&self) -> Option<&(dyn Error + Send + Sync)> {
        self.cause.as_deref()
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<BarrierError> for Fault {
    fn from(error: BarrierError) -> Self {
        if error.is_conflict() {
            return Self::unavailable("too many concurrent writes to the same record; try again");
        }
        Self::internal(error)
    }
}

impl From<BadStored> for Fault {
    fn from(error: BadStored) -> Self {
        Self::internal(error)
    }
}

impl From<FieldError> for Fault {
    fn from(error: FieldError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<BadPath> for Fault {
    fn from(error: BadPath) -> Self {
        Self::invalid(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_errors_are_wrapped_for_authenticated_callers_only() {
        let denied = Fault::denied();
        assert_eq!(denied.message(false).as_deref(), Some("permission denied"));
        assert_eq!(
            denied.message(true).as_deref(),
            Some("1 error occurred:\n\t* permission denied\n\n")
        );
        assert_eq!(
            Fault::invalid("missing path").message(true).as_deref(),
            Some("missing path")
        );
        assert_eq!(Fault::absent().message(true), None);
    }

    #[test]
    fn causes_never_reach_the_message() {
        let fault = Fault::internal("disk on fire");
        assert_eq!(fault.message(false).as_deref(), Some("internal error"));
        assert_eq!(fault.cause().unwrap().to_string(), "disk on fire");
    }
}
