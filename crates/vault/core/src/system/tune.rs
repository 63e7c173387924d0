//! Settings of mounts.

use std::sync::Arc;

use arca_api::Field;
use arca_api::field::{Any, CommaList};
use arca_api::sys::mounts as api;
use arca_base::json::Object;
use arca_base::{Json, MountPath, Ttl, json_object};

use super::System;
use super::lockout::{self, GivenRules};
use super::mounts;
use crate::barrier::Change;
use crate::engine::{Answer, Cx, Table};
use crate::fault::Fault;
use crate::router::{Class, LeaseDefaults, Mount, Visibility};
use crate::web::{MOST_HEADERS, is_name};

pub(super) fn routes() -> Table<System> {
    Table::new()
        .on::<api::ReadTune, _, _>(read_secret)
        .injects()
        .on::<api::UpdateTune, _, _>(write_secret)
        .on::<api::ReadAuthTune, _, _>(read_auth)
        .sudo()
        .injects()
        .on::<api::UpdateAuthTune, _, _>(write_auth)
        .sudo()
}

/// Settings that were given; `None` leaves what is there.
#[derive(Default)]
pub(super) struct Settings {
    default_lease_ttl: Option<Ttl>,
    max_lease_ttl: Option<Ttl>,
    force_no_cache: Option<bool>,
    audit_non_hmac_request_keys: Option<Vec<String>>,
    audit_non_hmac_response_keys: Option<Vec<String>>,
    listing_visibility: Option<Visibility>,
    passthrough_request_headers: Option<Vec<String>>,
    allowed_response_headers: Option<Vec<String>>,
    token_type: Option<String>,
    user_lockout: Option<GivenRules>,
}

impl Settings {
    /// Reads the `config` object of an enable request.
    pub(super) fn from_config(config: &Json) -> Result<Self, Fault> {
        let members = match config {
            Json::Null => return Ok(Self::default()),
            Json::Object(members) => members,
            other => {
                return Err(Fault::invalid(format!(
                    "config must be an object, not {}",
                    other.kind()
                )));
            }
        };
        let list =
            |name: &str| member::<Option<CommaList>>(members, name).map(|list| list.map(CommaList::into_vec));
        Ok(Self {
            default_lease_ttl: lease_ttl(members.get("default_lease_ttl"), "default_lease_ttl")?,
            max_lease_ttl: lease_ttl(members.get("max_lease_ttl"), "max_lease_ttl")?,
            force_no_cache: member(members, "force_no_cache")?,
            audit_non_hmac_request_keys: list("audit_non_hmac_request_keys")?,
            audit_non_hmac_response_keys: list("audit_non_hmac_response_keys")?,
            listing_visibility: visibility(
                member::<Option<String>>(members, "listing_visibility")?.as_deref(),
            )?,
            passthrough_request_headers: list("passthrough_request_headers")?,
            allowed_response_headers: list("allowed_response_headers")?,
            token_type: member(members, "token_type")?,
            user_lockout: GivenRules::read(members.get("user_lockout_config"))?,
        })
    }

    fn from_tune(request: &api::Tune) -> Result<Self, Fault> {
        let list = |list: &Option<CommaList>| list.clone().map(CommaList::into_vec);
        let given = |any: &Option<Any>| any.as_ref().map(|any| any.0.clone());
        Ok(Self {
            default_lease_ttl: lease_ttl(given(&request.default_lease_ttl).as_ref(), "default_lease_ttl")?,
            max_lease_ttl: lease_ttl(given(&request.max_lease_ttl).as_ref(), "max_lease_ttl")?,
            force_no_cache: None,
            audit_non_hmac_request_keys: list(&request.audit_non_hmac_request_keys),
            audit_non_hmac_response_keys: list(&request.audit_non_hmac_response_keys),
            listing_visibility: visibility(request.listing_visibility.as_deref())?,
            passthrough_request_headers: list(&request.passthrough_request_headers),
            allowed_response_headers: list(&request.allowed_response_headers),
            token_type: request.token_type.clone(),
            user_lockout: GivenRules::read(Some(&request.user_lockout_config.0))?,
        })
    }

    /// Whether anything but the audit key lists was given.
    const fn is_more_than_audit(&self) -> bool {
        self.default_lease_ttl.is_some()
            || self.max_lease_ttl.is_some()
            || self.listing_visibility.is_some()
            || self.passthrough_request_headers.is_some()
            || self.allowed_response_headers.is_some()
            || self.token_type.is_some()
            || self.user_lockout.is_some()
    }

    /// Puts the settings into a mount.
    pub(super) fn apply(self, mount: &mut Mount, defaults: LeaseDefaults) -> Result<(), Fault> {
        if let Some(rules) = self.user_lockout {
            rules.apply(mount)?;
        }
        let config = &mut mount.config;
        if let Some(token_type) = self.token_type {
            if mount.class == Class::Secret && !token_type.is_empty() {
                return Err(Fault::invalid("'token_type' can only be set on auth methods"));
            }
            if !matches!(
                &*token_type,
                "" | "service" | "batch" | "default-service" | "default-batch"
            ) {
                return Err(Fault::invalid(format!(
                    "invalid value for 'token_type': {token_type:?}"
                )));
            }
            config.token_type = token_type;
        }
        replace(&mut config.default_lease_ttl, self.default_lease_ttl);
        replace(&mut config.max_lease_ttl, self.max_lease_ttl);
        replace(&mut config.force_no_cache, self.force_no_cache);
        replace(
            &mut config.audit_non_hmac_request_keys,
            self.audit_non_hmac_request_keys,
        );
        replace(
            &mut config.audit_non_hmac_response_keys,
            self.audit_non_hmac_response_keys,
        );
        replace(&mut config.listing_visibility, self.listing_visibility);
        for (name, list) in [
            ("passthrough_request_headers", &self.passthrough_request_headers),
            ("allowed_response_headers", &self.allowed_response_headers),
        ] {
            check_headers(name, list.as_deref().unwrap_or_default())?;
        }
        replace(
            &mut config.passthrough_request_headers,
            self.passthrough_request_headers,
        );
        replace(
            &mut config.allowed_response_headers,
            self.allowed_response_headers,
        );
        let max = config.max_lease_ttl.nonzero().unwrap_or(defaults.max_ttl);
        if config.default_lease_ttl > max {
            return Err(Fault::invalid(
                "given default lease TTL greater than given max lease TTL",
            ));
        }
        Ok(())
    }
}

/// Names of headers in a list of a mount. The token is for the server alone.
fn check_headers(list: &str, names: &[String]) -> Result<(), Fault> {
    let folded = || names.iter().map(|name| name.to_ascii_lowercase());
    if names.len() > MOST_HEADERS || !folded().all(|name| is_name(&name)) {
        return Err(Fault::invalid(format!(
            "{list} must be at most {MOST_HEADERS} names of headers, of letters, digits, '-', '_' and '.'"
        )));
    }
    if folded().any(|name| name == "x-vault-token") {
        return Err(Fault::invalid(format!(
            "{list} must not have X-Vault-Token: no engine gets or sends a token of a caller"
        )));
    }
    Ok(())
}

fn replace<T>(place: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *place = given;
    }
}

fn member<F: Field>(members: &Object, name: &str) -> Result<F, Fault> {
    match members.get(name) {
        None | Some(Json::Null) => Ok(F::default()),
        Some(value) => F::decode(value).map_err(|reason| Fault::invalid(format!("config.{name}: {reason}"))),
    }
}

/// `system` is zero, the empty text leaves what is there.
fn lease_ttl(value: Option<&Json>, name: &str) -> Result<Option<Ttl>, Fault> {
    match value {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) if text.is_empty() => Ok(None),
        Some(Json::String(text)) if text == "system" => Ok(Some(Ttl::ZERO)),
        Some(value) => Ttl::decode(value)
            .map(Some)
            .map_err(|reason| Fault::invalid(format!("unable to parse {name}: {reason}"))),
    }
}

fn visibility(text: Option<&str>) -> Result<Option<Visibility>, Fault> {
    match text {
        None => Ok(None),
        Some("") => Ok(Some(Visibility::Unset)),
        Some("hidden") => Ok(Some(Visibility::Hidden)),
        Some("unauth") => Ok(Some(Visibility::Unauth)),
        Some(other) => Err(Fault::invalid(format!(
            "invalid listing_visibility {other:?}: use \"hidden\" or \"unauth\""
        ))),
    }
}

/// Settings that are shown only when they are set.
pub(super) fn optional_settings(mount: &Mount, members: &mut Object) {
    let config = &mount.config;
    for (name, list) in [
        ("audit_non_hmac_request_keys", &config.audit_non_hmac_request_keys),
        (
            "audit_non_hmac_response_keys",
            &config.audit_non_hmac_response_keys,
        ),
        ("passthrough_request_headers", &config.passthrough_request_headers),
        ("allowed_response_headers", &config.allowed_response_headers),
    ] {
        if !list.is_empty() {
            members.insert(name.to_owned(), list.clone().into());
        }
    }
    let visibility = match config.listing_visibility {
        Visibility::Unset => return,
        Visibility::Hidden => "hidden",
        Visibility::Unauth => "unauth",
    };
    members.insert("listing_visibility".to_owned(), visibility.into());
}

/// Kind of the tokens of an auth mount, as clients see it.
pub(super) fn token_type(mount: &Mount) -> &str {
    match &*mount.config.token_type {
        "" => "default-service",
        set => set,
    }
}

async fn find(cx: &Cx, class: Class, path: &str) -> Result<(MountPath, Arc<Mount>), Fault> {
    // An auth mount can be tuned as `mounts/auth/x/tune` too.
    let (class, path) = match path.strip_prefix("auth/") {
        Some(rest) if class == Class::Secret => (Class::Auth, rest),
        _ => (class, path),
    };
    let path = MountPath::parse(path)?;
    let mount = cx.active()?.router.at(class, &path).await?;
    let mount = mount.ok_or_else(|| Fault::invalid(format!("cannot fetch sysview for path \"{path}\"")))?;
    Ok((path, mount))
}

async fn read(cx: &Cx, class: Class, path: &str) -> Result<Answer, Fault> {
    let (_, mount) = find(cx, class, path).await?;
    let (default_ttl, max_ttl) = cx.active()?.router.lease_times(&mount);
    let mut shown = json_object! {
        "description" => mount.description.as_str(),
        "default_lease_ttl" => default_ttl.seconds(),
        "max_lease_ttl" => max_ttl.seconds(),
        "force_no_cache" => mount.config.force_no_cache,
    };
    if let Json::Object(members) = &mut shown {
        optional_settings(&mount, members);
        if let Some(options) = mount.options.as_ref().filter(|options| !options.is_empty()) {
            members.insert("options".to_owned(), options.clone().into_iter().collect());
        }
        if mount.class == Class::Auth {
            members.insert("token_type".to_owned(), token_type(&mount).into());
            lockout::describe_in(&mount, &cx.active()?.lockouts, members);
        }
    }
    Ok(Answer::data(&shown))
}

async fn read_secret(_: Arc<System>, cx: Cx, request: api::MountPath) -> Result<Answer, Fault> {
    read(&cx, Class::Secret, &request.path).await
}

async fn read_auth(_: Arc<System>, cx: Cx, request: api::MountPath) -> Result<Answer, Fault> {
    read(&cx, Class::Auth, &request.path).await
}

async fn write_secret(_: Arc<System>, cx: Cx, request: api::Tune) -> Result<Answer, Fault> {
    write(&cx, Class::Secret, request).await
}

async fn write_auth(_: Arc<System>, cx: Cx, request: api::Tune) -> Result<Answer, Fault> {
    write(&cx, Class::Auth, request).await
}

async fn write(cx: &Cx, class: Class, request: api::Tune) -> Result<Answer, Fault> {
    let active = cx.active()?;
    let (path, mount) = find(cx, class, &request.path).await?;
    let upgrade = is_upgrade(&mount, &request)?;
    if upgrade {
        active.router.note_upgrade(&mount).await?;
    }
    if let Some(names) = &request.passthrough_request_headers {
        active.web.pass_on(&names.0).await?;
    }
    let tuned = active
        .router
        .rows(mount.class)
        .update_with(mount.row(), |found, writes| {
            let found = found.ok_or_else(|| Fault::invalid(format!("no mount at \"{path}\"")))?;
            let mut tuned = tuned(found, &request, active.router.defaults())?;
            tuned.upgrading |= upgrade;
            mounts::tell(writes, "mount/tune", &tuned, cx);
            Ok::<_, Fault>((Change::Put(tuned.clone()), tuned))
        })
        .await?;
    if upgrade {
        active.router.finish_upgrade(&tuned, cx.now).await?;
        return Ok(Answer::empty().warn(
            "Upgrading mount from version 1 to version 2. This mount will be unavailable for a brief period and will resume service shortly.",
        ));
    }
    Ok(Answer::empty())
}

/// Whether the request turns an unversioned key/value mount into a versioned one.
fn is_upgrade(mount: &Mount, request: &api::Tune) -> Result<bool, Fault> {
    let wanted = request
        .options
        .as_ref()
        .and_then(|options| options.0.get("version"))
        .map(String::as_str);
    match (wanted, &*mount.kind, mount.option("version")) {
        (None, ..) => Ok(false),
        (Some(_), kind, _) if kind != "kv" => Err(Fault::invalid(format!(
            "secrets engine {kind:?} does not allow setting a version"
        ))),
        (Some("2"), _, Some("2")) => Ok(false),
        (Some("2"), _, _) => Ok(true),
        (Some("1" | ""), _, Some("2")) => Err(Fault::invalid("cannot downgrade mount from version 2")),
        (Some("1" | ""), ..) => Ok(false),
        (Some(other), ..) => Err(Fault::invalid(format!(
            "options.version must be \"1\" or \"2\", not {other:?}"
        ))),
    }
}

fn tuned(found: &Mount, request: &api::Tune, defaults: LeaseDefaults) -> Result<Mount, Fault> {
    let settings = Settings::from_tune(request)?;
    let restricted = matches!(&*found.kind, "system" | "identity" | "cubbyhole");
    if restricted
        && (settings.is_more_than_audit() || request.options.is_some() || request.description.is_some())
    {
        return Err(Fault::invalid(format!(
            "tuning of mount \"{}\" is limited to its audit keys",
            found.path
        )));
    }
    let mut mount = found.clone();
    replace(&mut mount.description, request.description.clone());
    settings.apply(&mut mount, defaults)?;
    if let Some(given) = &request.options {
        let options = mount.options.get_or_insert_default();
        // Version 2 is written when the records have been converted.
        let is_upgrade = |key: &str, value: &str| key == "version" && value != "1";
        for (key, value) in given.0.iter().filter(|(key, value)| !is_upgrade(key, value)) {
            if value.is_empty() {
                options.remove(key);
            } else {
                options.insert(key.clone(), value.clone());
            }
        }
    }
    Ok(mount)
}
