//! Configuration files: finding, reading and parsing them.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use arca_lang::hcl::{Document, Limits, Position};

use super::error::{ConfigError, Place, joined};

/// One file, parsed.
pub(super) struct Source {
    pub(super) file: PathBuf,
    pub(super) document: Document,
}

impl Source {
    /// The file or folder at each path, in the order given; the files of a folder in the order of their names.
    pub(super) fn read_all(paths: &[PathBuf]) -> Result<Vec<Self>, ConfigError> {
        let mut sources = Vec::new();
        for path in paths {
            for file in files(path)? {
                let text = bounded(&file).map_err(|source| ConfigError::Unreadable {
                    path: file.clone(),
                    source,
                })?;
                sources.push(Self::parse(file, &text)?);
            }
        }
        Ok(sources)
    }

    /// A document that is in memory; `file` stands for it in messages.
    pub(super) fn parse(file: PathBuf, text: &[u8]) -> Result<Self, ConfigError> {
        match Document::parse(text, &Limits::default()) {
            Ok(document) => Ok(Self { file, document }),
            Err(error) => Err(ConfigError::of(&file, "", &error)),
        }
    }

    pub(super) fn place(&self, position: Position) -> Place {
        Place {
            file: self.file.clone(),
            position: Some(position),
        }
    }

    /// A mistake about `field` of the block `within`.
    pub(super) fn error(&self, position: Position, within: &str, field: &str, message: &str) -> ConfigError {
        ConfigError::At {
            place: self.place(position),
            message: format!("{}: {message}", joined(within, field)),
        }
    }
}

/// The file, one byte more than allowed at most: the parser then says that it is too large.
fn bounded(file: &Path) -> std::io::Result<Vec<u8>> {
    let limit = u64::try_from(Limits::default().bytes).unwrap_or(u64::MAX);
    let mut text = Vec::new();
    File::open(file)?
        .take(limit.saturating_add(1))
        .read_to_end(&mut text)?;
    Ok(text)
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
