//! `identity/oidc/.well-known/*`: what anybody needs to prove a token, for anybody.

use std::sync::Arc;

use arca_api::endpoint::Nothing;
use arca_api::oidc as api;
use arca_base::{Json, Timestamp, json_object};
use arca_crypto::jws::{Algorithm, Algorithms, KeySet};

use super::Oidc;
use super::config::issuer;
use super::key::{ALGORITHMS, NamedKey, jwk};
use crate::engine::{Answer, Cx, Table};
use crate::fault::Fault;
use crate::identity::endpoints::IdentityEngine;

/// How long the address of the keys may be kept, in seconds.
const DISCOVERY_AGE: u64 = 3600;

/// Everything that is published, until the next change.
pub(super) struct Published {
    keys: Vec<PublishedKey>,
    /// The document of them, as it is until the first of them ends.
    document: Json,
    ends: Option<Timestamp>,
    /// When the next key begins to sign.
    next_rotation: Option<Timestamp>,
}

struct PublishedKey {
    id: String,
    public: Json,
    /// `None` for what signs, or will.
    until: Option<Timestamp>,
}

pub(super) fn routes() -> Table<IdentityEngine> {
    Table::new()
        .on::<api::Discovery, _, _>(discovery)
        .anonymous()
        .reads_only()
        .on::<api::PublishedKeys, _, _>(keys)
        .anonymous()
        .reads_only()
}

async fn discovery(_: Arc<IdentityEngine>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    let issuer = issuer(cx.active()?).await?;
    let algorithms: Vec<&str> = ALGORITHMS.into_iter().map(Algorithm::name).collect();
    let document = json_object! {
        "issuer" => issuer.as_str(),
        "jwks_uri" => format!("{issuer}/.well-known/keys"),
        "response_types_supported" => vec!["id_token"],
        "subject_types_supported" => vec!["public"],
        "id_token_signing_alg_values_supported" => algorithms,
    };
    Ok(Answer::raw_json(200, &document).kept_for(DISCOVERY_AGE))
}

async fn keys(_: Arc<IdentityEngine>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    let published = Published::current(&cx.active()?.oidc, cx.now).await?;
    let answer = Answer::raw_json(200, &published.document);
    let age = published
        .next_rotation
        .map_or(0, |next| next.seconds_until(cx.now));
    Ok(if age == 0 { answer } else { answer.kept_for(age) })
}

impl Published {
    /// What is published now.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub(super) async fn current(oidc: &Oidc, now: Timestamp) -> Result<Arc<Self>, Fault> {
        let stamp = oidc.changed.current();
        let may_keep = oidc.keys.view().barrier().is_caching();
        if let Some((then, known)) = &*oidc.known.lock()
            && *then == stamp
            && may_keep
            && known.ends.is_none_or(|ends| now < ends)
        {
            return Ok(known.clone());
        }
        let rows = oidc.keys.all().await?;
        let published = Arc::new(Self::of(rows.iter().map(|(_, key)| key), now));
        *oidc.known.lock() = Some((stamp, published.clone()));
        Ok(published)
    }

    fn of<'a>(named: impl Iterator<Item = &'a NamedKey>, now: Timestamp) -> Self {
        let (mut keys, mut next_rotation) = (Vec::new(), None::<Timestamp>);
        for key in named {
            let rotation = key.next_rotation;
            next_rotation = Some(next_rotation.map_or(rotation, |other| other.min(rotation)));
            keys.extend([&key.current, &key.next].map(|signer| PublishedKey {
                id: signer.id.clone(),
                public: jwk(&signer.public),
                until: None,
            }));
            let former = key.former.iter().filter(|one| one.until > now);
            keys.extend(former.map(|one| PublishedKey {
                id: one.id.clone(),
                public: jwk(&one.public),
                until: Some(one.until),
            }));
        }
        let document = json_object! {
            "keys" => Json::Array(keys.iter().map(|key| key.public.clone()).collect()),
        };
        Self {
            ends: keys.iter().filter_map(|key| key.until).min(),
            keys,
            document,
            next_rotation,
        }
    }

    /// The key that tokens call `id`, and the one algorithm it is for.
    pub(super) fn find(&self, id: &str, now: Timestamp) -> Option<(KeySet, Algorithms)> {
        let is_good = |key: &&PublishedKey| key.id == id && key.until.is_none_or(|until| now < until);
        let key = self.keys.iter().find(is_good)?;
        let algorithm = Algorithm::parse(key.public.get("alg")?.as_str()?)?;
        let document = json_object! { "keys" => Json::Array(vec![key.public.clone()]) };
        let keys = KeySet::from_jwks(document.to_text().as_str().as_bytes()).ok()?;
        Some((keys, std::iter::once(algorithm).collect()))
    }
}
