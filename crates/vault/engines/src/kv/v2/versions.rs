//! Deleting, undeleting and destroying versions.

use std::sync::Arc;

use arca_api::kv::v2 as api;
use arca_core::Fault;
use arca_core::barrier::Writes;
use arca_core::engine::{Answer, Cx, Site};

use super::Versioned;
use super::record::{self, Config, Secret};

const MAX_ATTEMPTS: usize = 256;

pub(super) async fn delete_current(_: Arc<Versioned>, cx: Cx, request: api::Key) -> Result<Answer, Fault> {
    let site = cx.site()?;
    let now = site.now;
    change(site, ("kv-v2/data-delete", "data"), &request.path, |secret, _| {
        let current = secret.current;
        mark_deleted(secret, &[current], now);
        Vec::new()
    })
    .await
}

pub(super) async fn delete(_: Arc<Versioned>, cx: Cx, request: api::Versions) -> Result<Answer, Fault> {
    let site = cx.site()?;
    let now = site.now;
    let numbers = numbers(&request, "No version number provided")?;
    change(site, ("kv-v2/delete", "delete"), &request.path, |secret, _| {
        mark_deleted(secret, &numbers, now);
        Vec::new()
    })
    .await
}

pub(super) async fn undelete(_: Arc<Versioned>, cx: Cx, request: api::Versions) -> Result<Answer, Fault> {
    let site = cx.site()?;
    let now = site.now;
    let numbers = numbers(&request, "No version number provided")?;
    change(
        site,
        ("kv-v2/undelete", "undelete"),
        &request.path,
        |secret, config| {
            let deletion = secret.deletion_from(config, now);
            for number in &numbers {
                if let Some(state) = secret.versions.get_mut(number).filter(|state| !state.destroyed) {
                    state.deletion = deletion;
                }
            }
            Vec::new()
        },
    )
    .await
}

pub(super) async fn destroy(_: Arc<Versioned>, cx: Cx, request: api::Versions) -> Result<Answer, Fault> {
    let site = cx.site()?;
    let numbers = numbers(&request, "no version number provided")?;
    change(site, ("kv-v2/destroy", "destroy"), &request.path, |secret, _| {
        let mut destroyed = Vec::new();
        for number in &numbers {
            if let Some(state) = secret.versions.get_mut(number) {
                state.destroyed = true;
                destroyed.push(*number);
            }
        }
        destroyed
    })
    .await
}

fn numbers(request: &api::Versions, missing: &str) -> Result<Vec<u64>, Fault> {
    if request.versions.0.is_empty() {
        return Err(Fault::invalid(missing));
    }
    // A negative number names no version, like any other that is not kept.
    Ok(request
        .versions
        .0
        .iter()
        .filter_map(|number| u64::try_from(*number).ok())
        .collect())
}

fn mark_deleted(secret: &mut Secret, numbers: &[u64], now: arca_base::Timestamp) {
    for number in numbers {
        if let Some(state) = secret.versions.get_mut(number)
            && state.is_readable(now)
        {
            state.deletion = Some(now);
        }
    }
}

/// Changes what is known of the versions of a secret; `apply` returns those whose content goes. A secret that
/// does not exist stays so.
async fn change(
    site: &Site,
    (kind, by): (&'static str, &str),
    path: &str,
    mut apply: impl FnMut(&mut Secret, &Config) -> Vec<u64>,
) -> Result<Answer, Fault> {
    let secrets = record::secrets(&site.view);
    for _ in 0..MAX_ATTEMPTS {
        let found = secrets.get(path).await?;
        let Some(row) = &found else {
            return Ok(Answer::empty());
        };
        let config = record::config(&site.view).await?;
        let mut secret = (*row.value).clone();
        let destroyed = apply(&mut secret, &config);
        if secret == *row.value {
            return Ok(Answer::empty());
        }
        secret.updated = site.now;
        let mut writes = Writes::new();
        secrets.expect_in(&mut writes, path, found.as_ref());
        secrets.put_in(&mut writes, path, &secret)?;
        for number in destroyed {
            record::delete_content(&site.view, &mut writes, path, number);
        }
        record::tell(site, &mut writes, kind, by, path, &secret);
        match site.view.commit(writes).await {
            Ok(_) => return Ok(Answer::empty()),
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Fault::unavailable(
        "too many concurrent writes to this secret; try again",
    ))
}
