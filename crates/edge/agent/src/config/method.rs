//! The method of a login.

use std::path::PathBuf;
use std::time::Duration;

use arca_lang::hcl::Located;
use arca_lang::hcl::lenient::{Flag, Interval};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::block::{Block, Reader, Unknown};
use super::error::ConfigError;
use super::{Method, MethodKind};

const SERVICE_ACCOUNT_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";
const METHODS: &str =
    "\"kubernetes\", \"approle\", \"jwt\", \"cert\", \"userpass\", \"ldap\" or \"token_file\"";
const MIN_BACKOFF: Duration = Duration::from_secs(1);
const MAX_BACKOFF: Duration = Duration::from_mins(5);

#[derive(Deserialize)]
struct Written {
    #[serde(rename = "type")]
    kind: Option<String>,
    mount_path: Option<Located<String>>,
    namespace: Option<String>,
    wrap_ttl: Option<Interval>,
    min_backoff: Option<Located<Interval>>,
    max_backoff: Option<Located<Interval>>,
    exit_on_err: Option<Flag>,
    #[serde(rename = "config")]
    _config: Option<IgnoredAny>,
}

/// The one method in `auto_auth`, with its place.
pub(super) fn read<'s>(
    reader: &mut Reader<'s>,
    auto_auth: &Block<'s>,
) -> Result<(Method, Block<'s>), ConfigError> {
    let blocks = match auto_auth.object() {
        Some(object) => reader.blocks(object, "auto_auth", "method")?,
        None => Vec::new(),
    };
    let mut blocks = reader.labeled(blocks, &["config"])?.into_iter();
    let block = blocks.next().ok_or_else(|| {
        reader.error(
            auto_auth,
            "method",
            "no method is given: add method \"kubernetes\" { ... } or another",
        )
    })?;
    if let Some(second) = blocks.next() {
        return Err(reader.error(&second, "", "only one method is permitted: remove all but one"));
    }
    let written: Written = reader.decode(&block, Unknown::Noted)?;
    let kind = written
        .kind
        .as_deref()
        .or(block.label)
        .unwrap_or_default()
        .to_owned();
    if kind.is_empty() {
        return Err(reader.error(&block, "type", &format!("no type is given: use {METHODS}")));
    }
    let method = Method {
        mount_path: mount_path(reader, &block, &written, &kind)?,
        namespace: written.namespace.clone().filter(|name| !name.is_empty()),
        wrap_ttl: written.wrap_ttl.map(|ttl| ttl.0).filter(|ttl| !ttl.is_zero()),
        min_backoff: backoff(written.min_backoff.as_ref(), MIN_BACKOFF),
        max_backoff: backoff(written.max_backoff.as_ref(), MAX_BACKOFF),
        exit_on_error: written.exit_on_err.is_some_and(|flag| flag.0),
        kind: of_type(reader, &block, &kind)?,
    };
    if method.min_backoff > method.max_backoff {
        let position = written
            .min_backoff
            .or(written.max_backoff)
            .map_or(block.position, |given| given.position);
        let message = format!(
            "{:?} is more than max_backoff ({:?}): exchange them",
            method.min_backoff, method.max_backoff
        );
        return Err(reader
            .source
            .error(position, &block.path, "min_backoff", &message));
    }
    Ok((method, block))
}

fn backoff(given: Option<&Located<Interval>>, default: Duration) -> Duration {
    given
        .map(|given| given.value.0)
        .filter(|given| !given.is_zero())
        .unwrap_or(default)
}

fn mount_path(
    reader: &Reader<'_>,
    block: &Block<'_>,
    written: &Written,
    kind: &str,
) -> Result<String, ConfigError> {
    let Some(given) = written
        .mount_path
        .as_ref()
        .filter(|path| !path.value.trim().is_empty())
    else {
        return Ok(format!("auth/{kind}"));
    };
    let path = given.value.trim().trim_matches('/');
    if path.split('/').any(|part| part == "auth") {
        return Ok(path.to_owned());
    }
    let message = format!("{path:?} is not below auth/: write \"auth/{path}\"");
    Err(reader
        .source
        .error(given.position, &block.path, "mount_path", &message))
}

fn of_type<'s>(reader: &mut Reader<'s>, block: &Block<'s>, kind: &str) -> Result<MethodKind, ConfigError> {
    match kind {
        "kubernetes" => kubernetes(reader, block),
        "approle" => approle(reader, block),
        "jwt" => jwt(reader, block),
        "token_file" => token_file(reader, block),
        "cert" => cert(reader, block),
        "userpass" | "ldap" => password(reader, block, kind),
        "aws" | "azure" | "gcp" | "kerberos" | "alicloud" | "cf" | "oci" | "pcf" => Err(reader.error(
            block,
            "type",
            &format!("{kind:?} is not supported: use {METHODS}"),
        )),
        _ => Err(reader.error(block, "type", &format!("{kind:?} is no method: use {METHODS}"))),
    }
}

/// The `config` of a method as `T`, and the block to name in messages.
fn config<'s, T: DeserializeOwned + Default>(
    reader: &mut Reader<'s>,
    block: &Block<'s>,
) -> Result<(T, Block<'s>), ConfigError> {
    let found = match block.object() {
        Some(object) => reader.single(object, &block.path, "config")?,
        None => None,
    };
    match found {
        Some(found) => {
            let value = reader.decode(&found, Unknown::Noted)?;
            Ok((value, found))
        }
        None => {
            let path = format!("{}.config", block.path);
            Ok((
                T::default(),
                Block {
                    path,
                    ..block.clone()
                },
            ))
        }
    }
}

fn required<T>(
    reader: &Reader<'_>,
    block: &Block<'_>,
    field: &str,
    value: Option<T>,
    is_empty: impl Fn(&T) -> bool,
    what: &str,
) -> Result<T, ConfigError> {
    value
        .filter(|value| !is_empty(value))
        .ok_or_else(|| reader.error(block, field, &format!("is required: {what}")))
}

fn text(
    reader: &Reader<'_>,
    block: &Block<'_>,
    field: &str,
    value: Option<String>,
    what: &str,
) -> Result<String, ConfigError> {
    required(reader, block, field, value, |value| value.trim().is_empty(), what)
}

fn file(
    reader: &Reader<'_>,
    block: &Block<'_>,
    field: &str,
    value: Option<PathBuf>,
    what: &str,
) -> Result<PathBuf, ConfigError> {
    required(
        reader,
        block,
        field,
        value,
        |value| value.as_os_str().is_empty(),
        what,
    )
}

fn optional(value: Option<PathBuf>) -> Option<PathBuf> {
    value.filter(|path| !path.as_os_str().is_empty())
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Kubernetes {
    role: Option<String>,
    token_path: Option<PathBuf>,
}

fn kubernetes<'s>(reader: &mut Reader<'s>, block: &Block<'s>) -> Result<MethodKind, ConfigError> {
    let (written, at) = config::<Kubernetes>(reader, block)?;
    Ok(MethodKind::Kubernetes {
        role: text(reader, &at, "role", written.role, "name the role to log in with")?,
        token_path: optional(written.token_path).unwrap_or_else(|| PathBuf::from(SERVICE_ACCOUNT_TOKEN)),
    })
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AppRole {
    role_id_file_path: Option<PathBuf>,
    secret_id_file_path: Option<PathBuf>,
    remove_secret_id_file_after_reading: Option<Flag>,
    secret_id_response_wrapping_path: Option<Located<String>>,
}

fn approle<'s>(reader: &mut Reader<'s>, block: &Block<'s>) -> Result<MethodKind, ConfigError> {
    let (written, at) = config::<AppRole>(reader, block)?;
    let secret_id_file = optional(written.secret_id_file_path);
    let wrapping = written
        .secret_id_response_wrapping_path
        .filter(|path| !path.value.trim().is_empty());
    if let (Some(wrapping), None) = (&wrapping, &secret_id_file) {
        let message = "needs secret_id_file_path: the file that holds the wrapping token";
        return Err(reader.source.error(
            wrapping.position,
            &at.path,
            "secret_id_response_wrapping_path",
            message,
        ));
    }
    Ok(MethodKind::AppRole {
        role_id_file: file(
            reader,
            &at,
            "role_id_file_path",
            written.role_id_file_path,
            "name the file that holds the role ID",
        )?,
        secret_id_file,
        remove_secret_id_file: written
            .remove_secret_id_file_after_reading
            .is_none_or(|flag| flag.0),
        secret_id_wrapping_path: wrapping.map(|path| path.value.trim().trim_matches('/').to_owned()),
    })
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Jwt {
    path: Option<PathBuf>,
    role: Option<String>,
    remove_jwt_after_reading: Option<Flag>,
    remove_jwt_follows_symlinks: Option<Flag>,
}

fn jwt<'s>(reader: &mut Reader<'s>, block: &Block<'s>) -> Result<MethodKind, ConfigError> {
    let (written, at) = config::<Jwt>(reader, block)?;
    Ok(MethodKind::Jwt {
        role: text(reader, &at, "role", written.role, "name the role to log in with")?,
        path: file(
            reader,
            &at,
            "path",
            written.path,
            "name the file that holds the JWT",
        )?,
        remove: written.remove_jwt_after_reading.is_none_or(|flag| flag.0),
        remove_follows_symlinks: written.remove_jwt_follows_symlinks.is_some_and(|flag| flag.0),
    })
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TokenFile {
    token_file_path: Option<PathBuf>,
}

fn token_file<'s>(reader: &mut Reader<'s>, block: &Block<'s>) -> Result<MethodKind, ConfigError> {
    let (written, at) = config::<TokenFile>(reader, block)?;
    let path = file(
        reader,
        &at,
        "token_file_path",
        written.token_file_path,
        "name the file that holds the token",
    )?;
    Ok(MethodKind::TokenFile { path })
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Cert {
    name: Option<String>,
    ca_cert: Option<PathBuf>,
    client_cert: Option<PathBuf>,
    client_key: Option<PathBuf>,
    reload: Option<Flag>,
}

fn cert<'s>(reader: &mut Reader<'s>, block: &Block<'s>) -> Result<MethodKind, ConfigError> {
    let (written, at) = config::<Cert>(reader, block)?;
    let (client_cert, client_key) = (optional(written.client_cert), optional(written.client_key));
    if client_cert.is_some() != client_key.is_some() {
        let missing = if client_cert.is_some() {
            "client_key"
        } else {
            "client_cert"
        };
        return Err(reader.error(
            &at,
            missing,
            "client_cert and client_key go together: name both files",
        ));
    }
    Ok(MethodKind::Cert {
        name: written.name.filter(|name| !name.is_empty()),
        ca_cert: optional(written.ca_cert),
        client_cert,
        client_key,
        reload: written.reload.is_some_and(|flag| flag.0),
    })
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Password {
    username: Option<String>,
    password_file_path: Option<PathBuf>,
    remove_password_after_reading: Option<Flag>,
    remove_password_follows_symlinks: Option<Flag>,
}

fn password<'s>(reader: &mut Reader<'s>, block: &Block<'s>, kind: &str) -> Result<MethodKind, ConfigError> {
    let (written, at) = config::<Password>(reader, block)?;
    let username = text(
        reader,
        &at,
        "username",
        written.username,
        "name the user to log in as",
    )?;
    let password_file = file(
        reader,
        &at,
        "password_file_path",
        written.password_file_path,
        "name the file that holds the password",
    )?;
    let remove = written.remove_password_after_reading.is_none_or(|flag| flag.0);
    let remove_follows_symlinks = written
        .remove_password_follows_symlinks
        .is_some_and(|flag| flag.0);
    Ok(if kind == "ldap" {
        MethodKind::Ldap {
            username,
            password_file,
            remove,
            remove_follows_symlinks,
        }
    } else {
        MethodKind::UserPass {
            username,
            password_file,
            remove,
            remove_follows_symlinks,
        }
    })
}
