//! What a token says, and whether that holds here and now.

use std::fmt;

use arca_base::json::{Limits, Object};
use arca_base::{Json, Timestamp};

use super::compact::object;
use super::error::JwsError;

/// What the claims of one token may cost.
const LIMITS: Limits = Limits {
    depth: 32,
    values: 10_000,
};

/// Most audiences of one token.
const MAX_AUDIENCES: usize = 256;

/// What a token says. `Debug` shows the number of claims only.
#[derive(Clone, PartialEq, Eq)]
pub struct Claims {
    members: Object,
}

/// How far clocks may be apart and how long tokens without an end or a beginning live, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leeway {
    /// How long a token without `exp` is good for after `nbf` or `iat`, whichever is later.
    pub expiration: u64,
    /// How long before `exp` a token without `nbf` and `iat` begins.
    pub not_before: u64,
    /// How far clocks may be apart.
    pub clock_skew: u64,
}

impl Default for Leeway {
    /// What existing servers take: 150, 150 and 60 seconds.
    fn default() -> Self {
        Self {
            expiration: 150,
            not_before: 150,
            clock_skew: 60,
        }
    }
}

/// What the claims of a token must be.
#[derive(Clone, Debug)]
pub struct Expected<'a> {
    /// Who must have made it; `None` for anybody.
    pub issuer: Option<&'a str>,
    /// Whom it must be about; `None` for anybody.
    pub subject: Option<&'a str>,
    /// One of these it must be meant for; none for anybody.
    pub audiences: &'a [String],
    /// How exact its times must be.
    pub leeway: Leeway,
    /// The instant of the request.
    pub now: Timestamp,
}

/// A claim that does not hold. Existing clients match these texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadClaim {
    /// A registered claim of the wrong kind.
    #[error("invalid {0} claim: it is not of the kind that RFC 7519 says")]
    Kind(&'static str),
    /// `iss`
    #[error("invalid issuer (iss) claim")]
    Issuer,
    /// `sub`
    #[error("invalid subject (sub) claim")]
    Subject,
    /// `aud`
    #[error("invalid audience (aud) claim: audience claim does not match any expected audience")]
    Audience,
    /// No time at all, so the token would be good for ever.
    #[error("no issued at (iat), not before (nbf), or expiration time (exp) claims in token")]
    Timeless,
    /// `exp`
    #[error("invalid expiration time (exp) claim: token is expired")]
    Expired,
    /// `nbf`
    #[error("invalid not before (nbf) claim: token not yet valid")]
    NotYetValid,
    /// `iat`
    #[error("invalid issued at (iat) claim: token issued in the future")]
    IssuedInTheFuture,
}

impl Claims {
    /// Reads the payload of a token.
    ///
    /// # Errors
    /// [`JwsError::NotJson`] and [`JwsError::NotAnObject`].
    pub(super) fn parse(payload: &[u8]) -> Result<Self, JwsError> {
        match object(payload, "payload", &LIMITS)? {
            Json::Object(members) => Ok(Self { members }),
            _ => Err(JwsError::NotAnObject { part: "payload" }),
        }
    }

    /// All of them.
    #[must_use]
    pub const fn members(&self) -> &Object {
        &self.members
    }

    /// The same claims, with those of `more` whose names are not taken: what their maker says elsewhere.
    #[must_use]
    pub fn completed_with(mut self, more: Object) -> Self {
        for (name, value) in more {
            self.members.entry(name).or_insert(value);
        }
        self
    }

    /// One claim: by its name, or by a JSON pointer (RFC 6901) when `selector` begins with a slash. `null` is
    /// nothing.
    #[must_use]
    pub fn select(&self, selector: &str) -> Option<&Json> {
        let found = match selector.strip_prefix('/') {
            None => self.members.get(selector),
            Some(pointer) => self.follow(pointer),
        };
        found.filter(|value| !value.is_null())
    }

    fn follow(&self, pointer: &str) -> Option<&Json> {
        let mut steps = pointer
            .split('/')
            .map(|step| step.replace("~1", "/").replace("~0", "~"));
        let first = self.members.get(&steps.next()?)?;
        steps.try_fold(first, |value, step| match value {
            Json::Object(members) => members.get(&step),
            Json::Array(elements) => elements.get(index(&step)?),
            _ => None,
        })
    }

    /// Who made the token (`iss`).
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.select("iss").and_then(Json::as_str)
    }

    /// Whom it is about (`sub`).
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.select("sub").and_then(Json::as_str)
    }

    /// Whom it is meant for (`aud`): one text or a list of them.
    ///
    /// # Errors
    /// [`BadClaim::Kind`].
    pub fn audiences(&self) -> Result<Vec<&str>, BadClaim> {
        const BAD: BadClaim = BadClaim::Kind("audience (aud)");
        match self.select("aud") {
            None => Ok(Vec::new()),
            Some(Json::String(one)) => Ok(vec![one]),
            Some(Json::Array(many)) if many.len() <= MAX_AUDIENCES => {
                many.iter().map(|one| one.as_str().ok_or(BAD)).collect()
            }
            Some(_) => Err(BAD),
        }
    }

    /// When it ends (`exp`), in Unix seconds.
    ///
    /// # Errors
    /// [`BadClaim::Kind`].
    pub fn expires(&self) -> Result<Option<i64>, BadClaim> {
        self.seconds("exp", "expiration time (exp)")
    }

    /// When it begins (`nbf`), in Unix seconds.
    ///
    /// # Errors
    /// [`BadClaim::Kind`].
    pub fn not_before(&self) -> Result<Option<i64>, BadClaim> {
        self.seconds("nbf", "not before (nbf)")
    }

    /// When it was made (`iat`), in Unix seconds.
    ///
    /// # Errors
    /// [`BadClaim::Kind`].
    pub fn issued(&self) -> Result<Option<i64>, BadClaim> {
        self.seconds("iat", "issued at (iat)")
    }

    /// Whether the token is meant for here and now.
    ///
    /// # Errors
    /// The first [`BadClaim`].
    pub fn check(&self, expected: &Expected<'_>) -> Result<(), BadClaim> {
        if expected.issuer.is_some() && self.issuer() != expected.issuer {
            return Err(BadClaim::Issuer);
        }
        if expected.subject.is_some() && self.subject() != expected.subject {
            return Err(BadClaim::Subject);
        }
        let audiences = self.audiences()?;
        let meant = |one: &String| audiences.contains(&one.as_str());
        if !expected.audiences.is_empty() && !expected.audiences.iter().any(meant) {
            return Err(BadClaim::Audience);
        }
        self.check_times(&expected.leeway, expected.now)
    }

    fn check_times(&self, leeway: &Leeway, now: Timestamp) -> Result<(), BadClaim> {
        let (issued, begins, ends) = (self.issued()?, self.not_before()?, self.expires()?);
        let seconds = |length: u64| i64::try_from(length).unwrap_or(i64::MAX);
        let ends = match (ends, begins.max(issued)) {
            (Some(ends), _) => ends,
            (None, Some(start)) => start.saturating_add(seconds(leeway.expiration)),
            (None, None) => return Err(BadClaim::Timeless),
        };
        let begins = begins
            .or(issued)
            .unwrap_or_else(|| ends.saturating_sub(seconds(leeway.not_before)));
        let (now, skew) = (now.unix_seconds(), seconds(leeway.clock_skew));
        if now.saturating_sub(skew) > ends {
            return Err(BadClaim::Expired);
        }
        if now.saturating_add(skew) < begins {
            return Err(BadClaim::NotYetValid);
        }
        if issued.is_some_and(|issued| now.saturating_add(skew) < issued) {
            return Err(BadClaim::IssuedInTheFuture);
        }
        Ok(())
    }

    /// A `NumericDate` (RFC 7519, section 2): seconds, which may have a fraction.
    fn seconds(&self, member: &str, name: &'static str) -> Result<Option<i64>, BadClaim> {
        /// Year 9999.
        const LAST: f64 = 253_402_300_799.0;
        let Some(value) = self.select(member) else {
            return Ok(None);
        };
        if let Some(whole) = value.as_i64() {
            return Ok(Some(whole));
        }
        let Json::Number(number) = value else {
            return Err(BadClaim::Kind(name));
        };
        let fraction = number.as_f64().filter(|seconds| seconds.abs() <= LAST);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "it is in the range of years that have four digits"
        )]
        let whole = fraction.map(|seconds| seconds.floor() as i64);
        whole.map(Some).ok_or(BadClaim::Kind(name))
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Claims({})", self.members.len())
    }
}

/// An index of a list as RFC 6901 writes it: digits, without zeros in front.
fn index(step: &str) -> Option<usize> {
    let canonical = step == "0" || !step.starts_with('0');
    (canonical && step.bytes().all(|byte| byte.is_ascii_digit())).then(|| step.parse().ok())?
}
