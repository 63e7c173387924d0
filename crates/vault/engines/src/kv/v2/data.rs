//! Reading, writing and patching versions.

use std::sync::Arc;

use arca_api::Field as _;
use arca_api::field::Any;
use arca_api::kv::v2 as api;
use arca_base::json::Object;
use arca_base::{Json, JsonText};
use arca_core::Fault;
use arca_core::barrier::{Row, Writes};
use arca_core::engine::{Answer, Cx, Site};

use super::Versioned;
use super::record::{self, Config, Secret, VersionState};

/// How often a write that lost a race reads again and retries.
const MAX_ATTEMPTS: usize = 256;

pub(super) async fn exists(_: Arc<Versioned>, cx: Cx, request: api::Key) -> Result<bool, Fault> {
    Ok(record::secrets(&cx.site()?.view)
        .get(&request.path)
        .await?
        .is_some())
}

/// The version asked for: the current one for 0, none for a number that is not kept.
pub(super) fn pick(secret: &Secret, version: i64) -> Option<(u64, &VersionState)> {
    let number = match u64::try_from(version).ok()? {
        0 => secret.current,
        number => number,
    };
    Some((number, secret.versions.get(&number)?))
}

pub(super) async fn read(_: Arc<Versioned>, cx: Cx, request: api::Version) -> Result<Answer, Fault> {
    let site = cx.site()?;
    let row = record::secrets(&site.view)
        .get(&request.path)
        .await?
        .ok_or_else(Fault::absent)?;
    let (number, state) = pick(&row.value, request.version).ok_or_else(Fault::absent)?;
    if !state.is_readable(site.now) {
        return Ok(Answer::missing(render("null", &row.value, number, state)));
    }
    let content = record::content(&site.view, &request.path, number).await?;
    let content = content.ok_or_else(|| Fault::internal("the content of a version is missing"))?;
    Ok(Answer::text(render(content.as_str(), &row.value, number, state)))
}

/// `{"data":...,"metadata":{...}}`, without taking the content apart.
fn render(content: &str, secret: &Secret, number: u64, state: &VersionState) -> JsonText {
    let mut out = String::with_capacity(content.len() + 200);
    out.push_str("{\"data\":");
    out.push_str(content);
    out.push_str(",\"metadata\":");
    secret.version_json(number, state).write_to(&mut out);
    out.push('}');
    JsonText::from_canonical(out)
}

/// The `cas` option, if given.
fn check_and_set(options: &Any) -> Result<Option<u64>, Fault> {
    let bad = || Fault::invalid("error parsing check-and-set parameter");
    match options.0.get("cas") {
        None | Some(Json::Null) => Ok(None),
        Some(value) => {
            let given = i64::decode(value).map_err(|_| bad())?;
            u64::try_from(given).map(Some).map_err(|_| bad())
        }
    }
}

fn check_cas(given: Option<u64>, secret: Option<&Secret>, config: &Config) -> Result<(), Fault> {
    let required = config.cas_required || secret.is_some_and(|secret| secret.cas_required);
    match given {
        None if required => Err(Fault::invalid("check-and-set parameter required for this call")),
        Some(given) if given != secret.map_or(0, |secret| secret.current) => Err(Fault::invalid(
            "check-and-set parameter did not match the current version",
        )),
        _ => Ok(()),
    }
}

fn members(data: Option<Any>) -> Result<Object, Fault> {
    match data {
        None | Some(Any(Json::Null)) => Err(Fault::invalid("no data provided")),
        Some(Any(Json::Object(members))) => Ok(members),
        Some(Any(other)) => Err(Fault::invalid(format!(
            "data must be an object, not {}",
            other.kind()
        ))),
    }
}

pub(super) async fn write(_: Arc<Versioned>, cx: Cx, request: api::WriteData) -> Result<Answer, Fault> {
    let site = cx.site()?;
    let cas = check_and_set(&request.options)?;
    let content = Json::Object(members(request.data)?).to_text();
    for _ in 0..MAX_ATTEMPTS {
        let config = record::config(&site.view).await?;
        let found = record::secrets(&site.view).get(&request.path).await?;
        check_cas(cas, found.as_ref().map(|row| &*row.value), &config)?;
        if let Some(answer) = commit(
            site,
            "kv-v2/data-write",
            &request.path,
            found.as_ref(),
            &config,
            &content,
        )
        .await?
        {
            return Ok(answer);
        }
    }
    Err(Fault::unavailable(
        "too many concurrent writes to this secret; try again",
    ))
}

pub(super) async fn patch(_: Arc<Versioned>, cx: Cx, request: api::WriteData) -> Result<Answer, Fault> {
    let site = cx.site()?;
    let cas = check_and_set(&request.options)?;
    let changes = members(request.data)?;
    for _ in 0..MAX_ATTEMPTS {
        let config = record::config(&site.view).await?;
        let found = record::secrets(&site.view).get(&request.path).await?;
        let row = found.as_ref().ok_or_else(Fault::absent)?;
        let (number, state) = pick(&row.value, 0).ok_or_else(Fault::absent)?;
        if !state.is_readable(site.now) {
            return Ok(Answer::missing(row.value.version_json(number, state).to_text()));
        }
        check_cas(cas, Some(&row.value), &config)?;
        let content = record::content(&site.view, &request.path, number).await?;
        let content = content.ok_or_else(|| Fault::internal("the content of a version is missing"))?;
        let mut patched = content.to_json();
        merge(&mut patched, &changes);
        let patched = patched.to_text();
        if let Some(answer) = commit(
            site,
            "kv-v2/data-patch",
            &request.path,
            Some(row),
            &config,
            &patched,
        )
        .await?
        {
            return Ok(answer);
        }
    }
    Err(Fault::unavailable(
        "too many concurrent writes to this secret; try again",
    ))
}

/// RFC 7396: members replace members, `null` removes them, objects are merged.
fn merge(target: &mut Json, changes: &Object) {
    if target.as_object().is_none() {
        *target = Json::object();
    }
    let Json::Object(members) = target else {
        return;
    };
    for (key, change) in changes {
        match change {
            Json::Null => {
                members.remove(key);
            }
            Json::Object(inner) => merge(members.entry(key.clone()).or_insert_with(Json::object), inner),
            other => {
                members.insert(key.clone(), other.clone());
            }
        }
    }
}

/// Commits the next version; `None` when another writer was faster.
async fn commit(
    site: &Site,
    kind: &'static str,
    path: &str,
    found: Option<&Row<Secret>>,
    config: &Config,
    content: &JsonText,
) -> Result<Option<Answer>, Fault> {
    let secrets = record::secrets(&site.view);
    let mut secret = found.map_or_else(|| Secret::new(site.now), |row| (*row.value).clone());
    let removed = secret.add_version(config, site.now);
    let mut writes = Writes::new();
    secrets.expect_in(&mut writes, path, found);
    secrets.put_in(&mut writes, path, &secret)?;
    record::put_content(&site.view, &mut writes, path, secret.current, content);
    for version in removed {
        record::delete_content(&site.view, &mut writes, path, version);
    }
    record::tell(site, &mut writes, kind, "data", path, &secret);
    match site.view.commit(writes).await {
        Ok(_) => {
            let (number, state) = pick(&secret, 0).ok_or_else(Fault::absent)?;
            Ok(Some(Answer::data(&secret.version_json(number, state))))
        }
        Err(error) if error.is_conflict() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use arca_base::json::Limits;

    use super::*;

    fn json(text: &str) -> Json {
        Json::parse(text.as_bytes(), &Limits::default()).unwrap()
    }

    /// The examples of RFC 7396, appendix A, whose patch is an object.
    #[test]
    fn merges_as_rfc_7396_says() {
        for (original, patch, result) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
            (
                r#"{"a":{"b":"c"}}"#,
                r#"{"a":{"b":"d","c":null}}"#,
                r#"{"a":{"b":"d"}}"#,
            ),
            (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"a":1,"e":null}"#),
            (r#"[1,2]"#, r#"{"a":"b","c":null}"#, r#"{"a":"b"}"#),
            ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        ] {
            let mut target = json(original);
            merge(&mut target, json(patch).as_object().unwrap());
            assert_eq!(target.to_text().as_str(), result, "{original} with {patch}");
        }
    }

    #[test]
    fn check_and_set_is_a_version_or_nothing() {
        let options = |text: &str| Any(json(text));
        assert!(matches!(check_and_set(&options("{}")), Ok(None)));
        assert!(matches!(check_and_set(&Any::default()), Ok(None)));
        assert!(matches!(check_and_set(&options(r#"{"cas":2}"#)), Ok(Some(2))));
        assert!(matches!(check_and_set(&options(r#"{"cas":"2"}"#)), Ok(Some(2))));
        for bad in [
            r#"{"cas":"x"}"#,
            r#"{"cas":-1}"#,
            r#"{"cas":[1]}"#,
            r#"{"cas":1.5}"#,
        ] {
            let error = check_and_set(&options(bad)).unwrap_err();
            assert_eq!(error.text(), "error parsing check-and-set parameter", "{bad}");
        }
    }

    #[test]
    fn zero_means_that_there_is_no_version_yet() {
        let now = arca_base::Timestamp::EPOCH;
        let mut secret = Secret::new(now);
        assert!(check_cas(Some(0), None, &Config::default()).is_ok());
        assert!(check_cas(Some(0), Some(&secret), &Config::default()).is_ok());
        secret.add_version(&Config::default(), now);
        assert!(check_cas(Some(0), Some(&secret), &Config::default()).is_err());
        assert!(check_cas(Some(1), Some(&secret), &Config::default()).is_ok());
        let required = Config {
            cas_required: true,
            ..Config::default()
        };
        assert!(check_cas(None, Some(&secret), &required).is_err());
    }
}
