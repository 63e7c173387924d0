//! Getting a token.

pub mod token;

use arca_api::Envelope;
use arca_base::json::Object;

use crate::client::Client;
use crate::error::ClientError;
use crate::request::Request;

/// Logs in at a path below `auth/` (`kubernetes/login`, `userpass/login/ann`) with the fields of the method.
///
/// The client's own token is not sent. The answer holds the token, or where it is when it was wrapped.
///
/// # Errors
/// [`ClientError`]
pub async fn at(client: &Client, path: &str, fields: &Object) -> Result<Envelope, ClientError> {
    let request = Request::write(&format!("auth/{path}"), fields);
    let anonymous = client.clone().with_token(None);
    let answer = anonymous.ask(&request).await?;
    answer.ok_or_else(|| ClientError::Incomplete {
        method: request.method().clone(),
        url: request.path().to_owned(),
        what: "token",
    })
}
