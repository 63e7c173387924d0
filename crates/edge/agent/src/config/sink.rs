//! The files a token is written to.

use std::path::PathBuf;

use arca_base::Secret;
use arca_lang::hcl::Located;
use arca_lang::hcl::lenient::{Flag, Interval};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::block::{Block, Reader, Unknown};
use super::error::ConfigError;
use super::scalar::{Mode, Owner};
use super::{Sink, SinkEncryption};

const DEFAULT_MODE: u32 = 0o640;
const CURVE: &str = "curve25519";

#[derive(Deserialize)]
struct Written {
    #[serde(rename = "type")]
    kind: Option<String>,
    wrap_ttl: Option<Interval>,
    dh_type: Option<Located<String>>,
    dh_path: Option<PathBuf>,
    derive_key: Option<Flag>,
    aad: Option<String>,
    aad_env_var: Option<Located<String>>,
    #[serde(rename = "config")]
    _config: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct File {
    path: Option<PathBuf>,
    mode: Option<Mode>,
    owner: Owner,
    group: Owner,
    uid: Owner,
    gid: Owner,
}

/// The sinks in `auto_auth`, each with its place.
pub(super) fn read<'s>(
    reader: &mut Reader<'s>,
    auto_auth: &Block<'s>,
) -> Result<Vec<(Sink, Block<'s>)>, ConfigError> {
    let blocks = match auto_auth.object() {
        Some(object) => reader.blocks(object, "auto_auth", "sink")?,
        None => Vec::new(),
    };
    let mut sinks = Vec::new();
    for block in reader.labeled(blocks, &["config"])? {
        sinks.push((sink(reader, &block)?, block));
    }
    Ok(sinks)
}

fn sink<'s>(reader: &mut Reader<'s>, block: &Block<'s>) -> Result<Sink, ConfigError> {
    let written: Written = reader.decode(block, Unknown::Noted)?;
    let kind = written.kind.as_deref().or(block.label).unwrap_or_default();
    if kind != "file" {
        return Err(reader.error(
            block,
            "type",
            &format!("{kind:?} is no sink: use sink \"file\" {{ ... }}"),
        ));
    }
    let own = match block.object() {
        Some(object) => reader.single(object, &block.path, "config")?,
        None => None,
    };
    let file: File = match &own {
        Some(own) => reader.decode(own, Unknown::Noted)?,
        None => File::default(),
    };
    let config = own.unwrap_or_else(|| Block {
        path: format!("{}.config", block.path),
        ..block.clone()
    });
    let path = file.path.filter(|path| !path.as_os_str().is_empty());
    let path = path.ok_or_else(|| {
        reader.error(
            &config,
            "path",
            "is required: name the file the token is written to",
        )
    })?;
    Ok(Sink {
        path,
        mode: file.mode.map_or(DEFAULT_MODE, |mode| mode.0),
        owner: file.owner.0.or(file.uid.0),
        group: file.group.0.or(file.gid.0),
        wrap_ttl: written
            .wrap_ttl
            .as_ref()
            .map(|ttl| ttl.0)
            .filter(|ttl| !ttl.is_zero()),
        encryption: encryption(reader, block, written)?,
    })
}

fn encryption(
    reader: &Reader<'_>,
    block: &Block<'_>,
    written: Written,
) -> Result<Option<SinkEncryption>, ConfigError> {
    let dh_type = written.dh_type.filter(|kind| !kind.value.is_empty());
    let dh_path = written.dh_path.filter(|path| !path.as_os_str().is_empty());
    let derive_key = written.derive_key.is_some_and(|flag| flag.0);
    let variable = written.aad_env_var.filter(|name| !name.value.is_empty());
    let (Some(dh_type), Some(public_key)) = (&dh_type, &dh_path) else {
        let (field, message) = match (dh_type.is_some(), dh_path.is_some()) {
            (true, _) => (
                "dh_path",
                "dh_type needs it: name the file with the public key of the reader",
            ),
            (_, true) => ("dh_type", "dh_path needs it: write dh_type = \"curve25519\""),
            _ if derive_key => (
                "derive_key",
                "needs dh_type and dh_path: only an encrypted token has a key",
            ),
            _ if written.aad.is_some() || variable.is_some() => (
                "aad",
                "needs dh_type and dh_path: only an encrypted token has additional data",
            ),
            _ => return Ok(None),
        };
        return Err(reader.error(block, field, message));
    };
    if dh_type.value != CURVE {
        let message = format!("{:?} is not supported: use {CURVE:?}", dh_type.value);
        return Err(reader
            .source
            .error(dh_type.position, &block.path, "dh_type", &message));
    }
    let aad = match variable {
        None => written.aad.unwrap_or_default(),
        Some(name) => (reader.environment)(&name.value).ok_or_else(|| {
            let message = format!("the variable {:?} is not set: set it, or use aad", name.value);
            reader
                .source
                .error(name.position, &block.path, "aad_env_var", &message)
        })?,
    };
    Ok(Some(SinkEncryption {
        public_key: public_key.clone(),
        derive_key,
        aad: Secret::new(aad),
    }))
}
