//! Configuration files: finding, reading and decoding them.

use std::fs;
use std::path::{Path, PathBuf};

use arca_lang::hcl::{self, Decoded, Limits, Position, UnknownKey};

use super::error::{ConfigError, Note, NoteKind, Place};
use super::inert;
use super::raw::Document;

/// One file, decoded.
pub(super) struct Source {
    pub(super) file: PathBuf,
    pub(super) document: Document,
    pub(super) notes: Vec<Note>,
}

impl Source {
    /// The file or folder at each path, in the order given; the files of a folder in the order of their names.
    pub(super) fn read_all(paths: &[PathBuf]) -> Result<Vec<Self>, ConfigError> {
        let mut sources = Vec::new();
        for path in paths {
            for file in files(path)? {
                sources.push(Self::read(file)?);
            }
        }
        Ok(sources)
    }

    fn read(file: PathBuf) -> Result<Self, ConfigError> {
        let text = fs::read(&file).map_err(|source| ConfigError::Unreadable {
            path: file.clone(),
            source,
        })?;
        Self::decode(file, &text)
    }

    pub(super) fn decode(file: PathBuf, text: &[u8]) -> Result<Self, ConfigError> {
        let decoded = hcl::Document::parse(text, &Limits::default()).and_then(|parsed| parsed.decode());
        let Decoded { value, unknown } = decoded.map_err(|error| ConfigError::of(file.clone(), &error))?;
        let notes = unknown.into_iter().map(|key| note(&file, key)).collect();
        Ok(Self {
            document: value,
            notes,
            file,
        })
    }

    /// A mistake in this file.
    pub(super) fn error(&self, position: Position, message: impl Into<String>) -> ConfigError {
        ConfigError::At {
            place: self.place(position),
            message: message.into(),
        }
    }

    pub(super) fn place(&self, position: Position) -> Place {
        Place {
            file: self.file.clone(),
            position: Some(position),
        }
    }
}

fn files(path: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable {
        path: path.to_owned(),
        source,
    };
    if !fs::metadata(path).map_err(unreadable)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        if is_configuration(&file) {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(ConfigError::EmptyFolder(path.to_owned()));
    }
    Ok(files)
}

/// Editors leave hidden copies and `#drafts#` behind: those are not read.
fn is_configuration(file: &Path) -> bool {
    let name = file
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let extension = file.extension().and_then(|extension| extension.to_str());
    matches!(extension, Some("hcl" | "json")) && !name.starts_with(['.', '#']) && !file.is_dir()
}

fn note(file: &Path, key: UnknownKey) -> Note {
    let kind = match inert::reason(&key.path) {
        Some(reason) => NoteKind::WithoutEffect { reason },
        None => NoteKind::Unknown {
            suggestion: key
                .suggestion
                .or_else(|| inert::nearest(&key.path))
                .map(str::to_owned),
        },
    };
    let place = Place {
        file: file.to_owned(),
        position: Some(key.position),
    };
    Note {
        place,
        key: key.path,
        kind,
    }
}
