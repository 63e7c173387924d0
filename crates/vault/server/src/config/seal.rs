//! What protects the root key.

use std::fs;
use std::path::PathBuf;

use arca_base::Secret;

use super::environment::Environment;
use super::error::ConfigError;
use super::raw::{SealStanza, StaticSeal, TransitSeal};
use super::source::Source;
use arca_lang::hcl::Located;
use arca_lang::hcl::lenient::flag;

/// Longest key file, in bytes: a key in base64 with white space around it is far shorter.
const MAX_KEY_BYTES: u64 = 4096;

/// What protects the root key.
#[derive(Debug)]
pub enum Seal {
    /// Shares that people hold.
    Shamir,
    /// A key from a file or the environment.
    Static(StaticKeys),
    /// The transit engine of another server.
    Transit(Transit),
}

/// The keys of a static seal.
#[derive(Debug)]
pub struct StaticKeys {
    /// Closes and opens.
    pub current: StaticKey,
    /// Opens what was closed before the key was changed.
    pub previous: Option<StaticKey>,
}

/// A key and its name.
#[derive(Debug)]
pub struct StaticKey {
    /// Tells keys apart.
    pub id: String,
    /// Where the key is.
    pub source: KeySource,
}

/// Where a key is.
#[derive(Debug)]
pub enum KeySource {
    /// In the configuration.
    Inline(Secret<String>),
    /// In this variable of the environment: `env://NAME`.
    Variable(String),
    /// In this file: `file:///path`.
    File(PathBuf),
}

/// The transit engine of another server.
#[derive(Debug)]
pub struct Transit {
    /// URL of the server.
    pub address: String,
    /// A token that may encrypt and decrypt with the key.
    pub token: Option<Secret<String>>,
    /// The key.
    pub key_name: String,
    /// Where the engine is mounted.
    pub mount_path: String,
    /// The namespace of the mount.
    pub namespace: Option<String>,
    /// Authorities to trust instead of those of the operating system.
    pub ca_file: Option<PathBuf>,
    /// Client certificate.
    pub client_certificate: Option<PathBuf>,
    /// Its key.
    pub client_key: Option<PathBuf>,
    /// The name in the server's certificate, if not that of the address.
    pub server_name: Option<String>,
    /// Whether any certificate will do.
    pub skip_verify: bool,
}

impl Seal {
    /// The name shown to operators.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Shamir => "shamir",
            Self::Static(_) => "static",
            Self::Transit(_) => "transit",
        }
    }
}

impl KeySource {
    fn parse(text: Secret<String>) -> Self {
        if let Some(name) = text.expose().strip_prefix("env://") {
            Self::Variable(name.to_owned())
        } else if let Some(path) = text.expose().strip_prefix("file://") {
            Self::File(PathBuf::from(path))
        } else {
            Self::Inline(text)
        }
    }

    /// The key as it is written there: raw bytes, hexadecimal or base64.
    ///
    /// # Errors
    /// [`ConfigError`] naming the variable or file that is missing.
    pub fn read(&self, environment: &Environment) -> Result<Secret<Vec<u8>>, ConfigError> {
        match self {
            Self::Inline(text) => Ok(Secret::new(text.expose().clone().into_bytes())),
            Self::Variable(name) => environment
                .variable(name)
                .map(|value| Secret::new(value.into_bytes()))
                .ok_or_else(|| ConfigError::Whole(format!("seal key: the variable {name} is not set"))),
            Self::File(path) => {
                let unreadable = |source| ConfigError::Unreadable {
                    path: path.clone(),
                    source,
                };
                if fs::metadata(path).map_err(unreadable)?.len() > MAX_KEY_BYTES {
                    return Err(ConfigError::Whole(format!(
                        "seal key: {} is longer than {MAX_KEY_BYTES} bytes",
                        path.display()
                    )));
                }
                fs::read(path).map(Secret::new).map_err(unreadable)
            }
        }
    }
}

/// The one seal of all files that is not disabled. Without any it is Shamir's.
pub(super) fn choose(sources: &[Source], environment: &Environment) -> Result<Seal, ConfigError> {
    let wanted = environment.setting("SEAL_TYPE");
    let mut enabled = sources
        .iter()
        .flat_map(|source| source.document.seal.iter().map(move |seal| (source, seal)))
        .filter(|(_, seal)| !seal.value.is_disabled());
    let Some((source, seal)) = enabled.next() else {
        return of_environment(wanted.as_deref(), environment);
    };
    if let Some((other, second)) = enabled.next() {
        let first = source.place(seal.position);
        return Err(other.error(
            second.position,
            format!("there can be one seal only, and {first} has one; disable one with disabled = true"),
        ));
    }
    if let Some(wanted) = wanted.filter(|wanted| *wanted != seal.value.kind()) {
        return Err(source.error(
            seal.position,
            format!(
                "the environment asks for seal type {wanted:?}, but this is seal {:?}",
                seal.value.kind()
            ),
        ));
    }
    read(source, seal, environment)
}

fn read(source: &Source, seal: &Located<SealStanza>, environment: &Environment) -> Result<Seal, ConfigError> {
    let chosen = match &seal.value {
        SealStanza::Shamir(_) => Ok(Seal::Shamir),
        SealStanza::Static(stanza) => static_keys(stanza).map(Seal::Static),
        SealStanza::Transit(stanza) => transit(stanza, environment).map(Seal::Transit),
    };
    chosen.map_err(|message| source.error(seal.position, message))
}

/// The seal that is disabled: what a store is moved away from. A stanza that only says that it is disabled names none.
pub(super) fn former(sources: &[Source], environment: &Environment) -> Result<Option<Seal>, ConfigError> {
    let mut disabled = sources
        .iter()
        .flat_map(|source| source.document.seal.iter().map(move |seal| (source, seal)))
        .filter(|(_, seal)| seal.value.is_disabled() && !seal.value.is_bare());
    let Some((source, seal)) = disabled.next() else {
        return Ok(None);
    };
    if let Some((other, second)) = disabled.next() {
        let first = source.place(seal.position);
        return Err(other.error(
            second.position,
            format!("there can be one disabled seal only, and {first} has one"),
        ));
    }
    read(source, seal, environment).map(Some)
}

fn of_environment(wanted: Option<&str>, environment: &Environment) -> Result<Seal, ConfigError> {
    match wanted {
        None | Some("shamir") => Ok(Seal::Shamir),
        Some("transit") => {
            let transit = transit(&TransitSeal::default(), environment);
            transit.map(Seal::Transit).map_err(ConfigError::Whole)
        }
        Some(other) => Err(ConfigError::Whole(format!(
            "the environment asks for seal type {other:?}, and there is no seal {other:?} in the configuration"
        ))),
    }
}

fn static_keys(stanza: &StaticSeal) -> Result<StaticKeys, String> {
    let key = |id: &Option<String>, text: &Option<super::raw::HiddenText>| match (id, text) {
        (Some(id), Some(text)) if !id.is_empty() && !text.0.expose().is_empty() => Some(StaticKey {
            id: id.clone(),
            source: KeySource::parse(text.0.duplicate()),
        }),
        _ => None,
    };
    let current = key(&stanza.current_key_id, &stanza.current_key)
        .ok_or("seal \"static\" needs current_key_id and current_key (32 bytes in hex or base64, env://NAME or file:///path)")?;
    let previous = key(&stanza.previous_key_id, &stanza.previous_key);
    if previous.is_none() && (stanza.previous_key_id.is_some() || stanza.previous_key.is_some()) {
        return Err("previous_key_id and previous_key belong together".to_owned());
    }
    if previous
        .as_ref()
        .is_some_and(|previous| previous.id == current.id)
    {
        return Err(
            "current_key_id and previous_key_id must differ, so that keys can be told apart".to_owned(),
        );
    }
    Ok(StaticKeys { current, previous })
}

/// Values of the environment come before those of the file, as existing servers have it.
fn transit(stanza: &TransitSeal, environment: &Environment) -> Result<Transit, String> {
    let setting = |name: &str, written: &Option<String>| {
        let value = environment.setting(name).or_else(|| written.clone());
        value.filter(|value| !value.is_empty())
    };
    let file = |name: &str, written: &Option<PathBuf>| {
        environment
            .setting(name)
            .map(PathBuf::from)
            .or_else(|| written.clone())
    };
    let needs = |what: &str| format!("seal \"transit\" needs {what}");
    let token = environment.setting("TOKEN").map(Secret::new);
    let skip_verify = environment.setting("SKIP_VERIFY").and_then(|text| flag(&text));
    Ok(Transit {
        address: setting("ADDR", &stanza.address).ok_or_else(|| needs("address"))?,
        token: token.or_else(|| stanza.token.as_ref().map(|token| token.0.duplicate())),
        key_name: setting("TRANSIT_SEAL_KEY_NAME", &stanza.key_name).ok_or_else(|| needs("key_name"))?,
        mount_path: setting("TRANSIT_SEAL_MOUNT_PATH", &stanza.mount_path)
            .ok_or_else(|| needs("mount_path"))?,
        namespace: setting("NAMESPACE", &stanza.namespace),
        ca_file: file("CACERT", &stanza.tls_ca_cert),
        client_certificate: file("CLIENT_CERT", &stanza.tls_client_cert),
        client_key: file("CLIENT_KEY", &stanza.tls_client_key),
        server_name: setting("TLS_SERVER_NAME", &stanza.tls_server_name),
        skip_verify: skip_verify.unwrap_or_else(|| stanza.tls_skip_verify.is_some_and(|flag| flag.0)),
    })
}
