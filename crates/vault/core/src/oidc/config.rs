//! `identity/oidc/config`: who the tokens say they are from.

use std::sync::Arc;

use arca_api::endpoint::Nothing;
use arca_api::oidc as api;
use arca_base::json_object;
use serde::{Deserialize, Serialize};

use crate::active::Active;
use crate::barrier::Stored;
use crate::engine::{Answer, Cx, Table};
use crate::fault::Fault;
use crate::identity::endpoints::IdentityEngine;

const ROW: &str = "config";
/// Longest issuer, in bytes.
const LONGEST_ISSUER: usize = 512;
const PATH: &str = "identity/oidc";
const SET: &str = "If \"issuer\" is set explicitly, all tokens must be validated against that address, including those \
                   issued by secondary clusters. Setting issuer to \"\" will restore the default behavior of using \
                   the cluster's api_addr as the issuer.";

/// The configuration, as stored.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Config {
    /// Scheme, host and port; empty for the address of the server.
    issuer: String,
}

impl Stored for Config {
    const VERSION: u8 = 1;
    const NAME: &'static str = "configuration of identity tokens";
}

pub(super) fn routes() -> Table<IdentityEngine> {
    Table::new()
        .on::<api::ReadConfig, _, _>(read)
        .reads_only()
        .on::<api::UpdateConfig, _, _>(write)
}

/// Who makes the tokens: the address below which keys are found.
///
/// # Errors
/// 400 when neither the configuration nor the server knows an address.
pub(super) async fn issuer(active: &Active) -> Result<String, Fault> {
    let config = active.oidc.config.get(ROW).await?;
    let configured = config.as_ref().map_or("", |row| &row.value.issuer);
    let base = match configured {
        "" => active.settings.api_address.trim_end_matches('/'),
        configured => configured,
    };
    if base.is_empty() {
        return Err(Fault::invalid(
            "the address of this server is not known: set api_addr in its configuration, or issuer in identity/oidc/config",
        ));
    }
    let namespace = &active.namespace.path;
    Ok(format!("{base}/v1/{namespace}{PATH}"))
}

async fn read(_: Arc<IdentityEngine>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    let config = cx.active()?.oidc.config.get(ROW).await?;
    let issuer = config.as_ref().map_or("", |row| &row.value.issuer);
    Ok(Answer::data(&json_object! { "issuer" => issuer }))
}

async fn write(_: Arc<IdentityEngine>, cx: Cx, request: api::WriteConfig) -> Result<Answer, Fault> {
    let issuer = request.issuer.trim_end_matches('/').to_owned();
    if !issuer.is_empty() && !is_origin(&issuer) {
        return Err(Fault::invalid(
            "invalid issuer, which must include only a scheme, host, and optional port (e.g. https://example.com:8200)",
        ));
    }
    let warns = !issuer.is_empty();
    cx.active()?.oidc.config.put(ROW, &Config { issuer }).await?;
    let answer = Answer::empty();
    Ok(if warns { answer.warn(SET) } else { answer })
}

/// Whether a text is a scheme, a host and maybe a port.
fn is_origin(text: &str) -> bool {
    let rest = ["https://", "http://"]
        .into_iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    text.len() <= LONGEST_ISSUER
        && rest.is_some_and(|host| !host.is_empty() && !host.starts_with(':') && host.bytes().all(is_host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_scheme_host_and_port() {
        for good in [
            "https://arca.example",
            "http://127.0.0.1:8200",
            "https://[::1]:8200",
        ] {
            assert!(is_origin(good), "{good}");
        }
        let long = format!("https://{}", "a".repeat(LONGEST_ISSUER));
        for bad in [
            "arca.example",
            "ftp://arca.example",
            "https://",
            "https://:8200",
            "https://arca.example/path",
            "https://arca.example?query",
            "https://user@arca.example",
            "https://arca example",
            &long,
        ] {
            assert!(!is_origin(bad), "{bad}");
        }
    }
}
