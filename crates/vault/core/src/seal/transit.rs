//! A seal whose key never leaves another server: its transit engine encrypts and decrypts the root key.
//!
//! A wrapped key is `format (1) || the ciphertext text that server gave`.

use std::time::Duration;

use arca_api::endpoint::Nothing;
use arca_base::json::Object;
use arca_base::{Json, Secret};
use arca_client::{Client, ClientError};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{AutoSeal, SealError, SealKind};

const FORMAT: u8 = 1;

/// How long to wait before renewing a token again after that failed.
const RENEWAL_PAUSE: Duration = Duration::from_secs(30);

/// The seal: a client with a token that may use one key of one transit mount.
pub struct TransitSeal {
    client: Client,
    mount: String,
    key: String,
}

impl TransitSeal {
    /// A seal by the key `key` of the transit engine at `mount` (with trailing slash).
    #[must_use]
    pub const fn new(client: Client, mount: String, key: String) -> Self {
        Self { client, mount, key }
    }

    /// One call of the engine; `member` of its answer.
    async fn call(&self, operation: &str, data: Object, member: &str) -> Result<Secret<String>, SealError> {
        let path = format!("{}{operation}/{}", self.mount, self.key);
        let answer = self
            .client
            .write(&path, &data)
            .await
            .map_err(|error| self.explain(operation, &error))?;
        let text = answer.and_then(|answer| Some(answer.data?.get(member)?.as_str()?.to_owned()));
        text.map(Secret::new)
            .ok_or_else(|| SealError::Unreachable(format!("{path} answered without {member:?}")))
    }

    /// Says what failed and where, without what was sent.
    fn explain(&self, operation: &str, error: &ClientError) -> SealError {
        match error.status().map(|status| status.as_u16()) {
            Some(400) if operation == "decrypt" => SealError::WrongKey {
                hint: format!(": {}decrypt/{} refuses it", self.mount, self.key),
            },
            _ => SealError::Unreachable(error.to_string()),
        }
    }

    /// Renews the token once; says when to do so again, or nothing when it need not or cannot be renewed.
    ///
    /// # Errors
    /// [`SealError::Unreachable`]; try again after a pause.
    pub async fn renew_token(&self) -> Result<Option<Duration>, SealError> {
        let request = arca_api::token::Renew::default();
        let renewed = self
            .client
            .call::<arca_api::token::RenewSelf>("auth/token/", &request);
        match renewed.await {
            Ok(answer) => {
                let auth = answer.and_then(|answer| answer.auth);
                let seconds = auth
                    .filter(|auth| auth.renewable)
                    .map_or(0, |auth| auth.lease_duration);
                Ok((seconds > 0).then(|| Duration::from_secs(seconds / 2).max(RENEWAL_PAUSE)))
            }
            // Root tokens and batch tokens cannot be renewed, and need not be or cannot be helped.
            Err(error) if error.status().is_some_and(|status| status.is_client_error()) => Ok(None),
            Err(error) => Err(SealError::Unreachable(error.to_string())),
        }
    }

    /// Whether the server answers at all.
    ///
    /// # Errors
    /// [`SealError::Unreachable`].
    pub async fn check(&self) -> Result<(), SealError> {
        let looked = self
            .client
            .call::<arca_api::token::LookupSelf>("auth/token/", &Nothing)
            .await;
        looked
            .map(drop)
            .map_err(|error| SealError::Unreachable(error.to_string()))
    }
}

#[async_trait]
impl AutoSeal for TransitSeal {
    fn kind(&self) -> SealKind {
        SealKind::Transit
    }

    async fn wrap(&self, plaintext: &Secret<Vec<u8>>) -> Result<Vec<u8>, SealError> {
        let encoded = STANDARD.encode(plaintext.expose());
        let data = Object::from([("plaintext".to_owned(), Json::from(encoded))]);
        let ciphertext = self.call("encrypt", data, "ciphertext").await?;
        let mut wrapped = vec![FORMAT];
        wrapped.extend_from_slice(ciphertext.expose().as_bytes());
        Ok(wrapped)
    }

    async fn unwrap(&self, wrapped: &[u8]) -> Result<Secret<Vec<u8>>, SealError> {
        let damaged = || SealError::WrongKey {
            hint: ": the stored key is damaged".to_owned(),
        };
        let ciphertext = match wrapped.split_first() {
            Some((&FORMAT, text)) => std::str::from_utf8(text).map_err(|_| damaged())?,
            _ => return Err(damaged()),
        };
        let data = Object::from([("ciphertext".to_owned(), Json::from(ciphertext))]);
        let plaintext = self.call("decrypt", data, "plaintext").await?;
        STANDARD
            .decode(plaintext.expose())
            .map(Secret::new)
            .map_err(|_| damaged())
    }
}
