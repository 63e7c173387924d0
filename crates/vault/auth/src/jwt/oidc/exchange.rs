//! Asking the provider for the tokens of a code, and for what else it knows.

use std::sync::Arc;

use arca_base::json::{Limits, Object};
use arca_base::{Json, Secret};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request, StatusCode};
use url::{Url, form_urlencoded};

use super::pending::Started;
use crate::jwt::config::Config;
use crate::keys::{Discovery, FetchError, Provider};

/// What an answer may cost.
const LIMITS: Limits = Limits {
    depth: 32,
    values: 20_000,
};

/// Longest reason of the provider that is repeated.
const LONGEST_REASON: usize = 300;

/// Why there are no tokens.
#[derive(Debug, thiserror::Error)]
pub(super) enum ExchangeError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("the provider names no token_endpoint")]
    NoEndpoint,
    #[error("the provider refuses: {0}")]
    Refused(String),
    #[error("the answer of the provider is not the JSON that is expected")]
    NotExpected,
}

/// What a provider gives for a code.
pub(super) struct Tokens {
    pub(super) id: Option<Secret<String>>,
    pub(super) access: Option<Secret<String>>,
}

/// A client of the provider, as configured.
pub(super) struct Client<'a> {
    pub(super) config: &'a Config,
    pub(super) discovery: &'a Discovery,
    pub(super) provider: Arc<Provider>,
}

impl Client<'_> {
    /// Gives a code back for tokens (RFC 6749, section 4.1.3; RFC 7636).
    ///
    /// # Errors
    /// [`ExchangeError`].
    pub(super) async fn exchange(&self, login: &Started, code: &str) -> Result<Tokens, ExchangeError> {
        let endpoint = self.provider.token.as_ref().ok_or(ExchangeError::NoEndpoint)?;
        let request = self.token_request(endpoint, login, code)?;
        let answer = self.discovery.remote().send(endpoint, request).await?;
        let json = Json::parse_unique(answer.body(), &LIMITS);
        if answer.status() != StatusCode::OK {
            let text = |member| json.as_ref().ok()?.get(member)?.as_str().map(printable);
            let reason = text("error").unwrap_or_else(|| format!("status {}", answer.status().as_u16()));
            return Err(ExchangeError::Refused(match text("error_description") {
                Some(more) => format!("{reason}: {more}"),
                None => reason,
            }));
        }
        let json = json.map_err(|_| ExchangeError::NotExpected)?;
        let token = |member| Some(Secret::new(json.get(member)?.as_str()?.to_owned()));
        Ok(Tokens {
            id: token("id_token"),
            access: token("access_token"),
        })
    }

    fn token_request(
        &self,
        endpoint: &Url,
        login: &Started,
        code: &str,
    ) -> Result<Request<Bytes>, ExchangeError> {
        let secret = self
            .config
            .client_secret
            .as_ref()
            .map_or("", |secret| secret.expose());
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", &login.redirect_uri)
            .append_pair("code_verifier", login.verifier.expose());
        let mut request = Request::post(endpoint.as_str())
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        if self.provider.secret_in_body {
            form.append_pair("client_id", &self.config.client_id)
                .append_pair("client_secret", secret);
        } else {
            request = request.header(AUTHORIZATION, basic(&self.config.client_id, secret)?);
        }
        let request = request.body(Bytes::from(form.finish()));
        request.map_err(|_| ExchangeError::NotExpected)
    }

    /// What the provider says about whom an access token belongs to, if that is the one called `subject`.
    pub(super) async fn user_info(&self, access: &Secret<String>, subject: &str) -> Option<Object> {
        let endpoint = self.provider.user_info.as_ref()?;
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", access.expose())).ok()?;
        bearer.set_sensitive(true);
        let request = Request::get(endpoint.as_str())
            .header(ACCEPT, "application/json")
            .header(AUTHORIZATION, bearer)
            .body(Bytes::new());
        let answer = self.discovery.remote().send(endpoint, request.ok()?).await.ok()?;
        let json = Json::parse_unique(answer.body(), &LIMITS).ok()?;
        let same = json.get("sub").and_then(Json::as_str) == Some(subject);
        match json {
            Json::Object(members) if same && answer.status() == StatusCode::OK => Some(members),
            _ => None,
        }
    }
}

/// RFC 6749, section 2.3.1: both halves are encoded as in forms.
fn basic(id: &str, secret: &str) -> Result<HeaderValue, ExchangeError> {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = BASE64.encode(format!("{}:{}", encoded(id), encoded(secret)));
    let mut value = HeaderValue::try_from(format!("Basic {pair}")).map_err(|_| ExchangeError::NotExpected)?;
    value.set_sensitive(true);
    Ok(value)
}

fn printable(text: &str) -> String {
    let letters = text.chars().filter(|letter| !letter.is_control());
    letters.take(LONGEST_REASON).collect()
}
