//! Renewing the token of a login.

use arca_base::Json;
use arca_core::Fault;
use arca_core::engine::{ClientInfo, Site, TokenTerms};
use arca_core::tokens::Token;

use super::config::Config;
use super::crls::Revoked;
use super::entry::{Entry, entries};
use super::login::{
    CERT_NAME, INCOMPLETE, Judged, KEY_FINGERPRINT, MISSING, Presented, REVOKED, STRANGER, judge,
    key_fingerprint, presented,
};
use crate::renewal::same_policies;

/// What the entry says today, unless it names other policies than the token has or whoever renews is not the client
/// that logged in.
pub(super) async fn terms(site: &Site, token: &Token, client: &ClientInfo) -> Result<TokenTerms, Fault> {
    let internal = token.internal.as_ref().map(|text| text.to_json());
    let member = |name| {
        let found = internal.as_ref().and_then(|internal| internal.get(name));
        found.and_then(Json::as_str).unwrap_or_default()
    };
    let name = member(CERT_NAME);
    let row = entries(&site.view).get(name).await?;
    let row =
        row.ok_or_else(|| Fault::failed(format!("certificate {name} does not exist during renewal")))?;
    if !Config::stored(&site.view).await?.disable_binding {
        let presented = presented(client)?;
        let revoked = Revoked::stored(&site.view).await?;
        same_client(
            site,
            name,
            &row.value,
            member(KEY_FINGERPRINT),
            &presented,
            &revoked,
        )?;
    }
    let terms = row.value.token.terms();
    if !same_policies(&terms, token) {
        return Err(Fault::failed("policies have changed, not renewing"));
    }
    Ok(terms)
}

/// A token alone is not enough: the client must hold the key of the login, and its certificate must be good today.
fn same_client(
    site: &Site,
    name: &str,
    entry: &Entry,
    fingerprint: &str,
    presented: &Presented,
    revoked: &Revoked,
) -> Result<(), Fault> {
    let refused = |text, reason| Err(Fault::invalid(text).because(format!("{name}: {reason}")));
    match judge(entry, presented, revoked, site)? {
        Judged::Fits => {}
        Judged::Incomplete => return refused(INCOMPLETE, MISSING.to_owned()),
        Judged::Revoked => return refused(INCOMPLETE, REVOKED.to_owned()),
        Judged::Stranger(error) => return refused(STRANGER, error.to_string()),
    }
    if key_fingerprint(&presented.leaf)? != fingerprint {
        return Err(Fault::failed(
            "client identity during renewal not matching client identity used during login",
        ));
    }
    Ok(())
}
