//! What cargo knows of the workspace.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::refuse_if;

/// The members of the workspace and where things are.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
    pub(crate) members: Vec<Member>,
}

/// One package of the workspace.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    /// Relative to the root, with `/` between its parts: `crates/kernel/base`.
    pub(crate) folder: String,
    pub(crate) dependencies: Vec<Dependency>,
}

/// One line of a `[dependencies]` table.
#[derive(Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) dev: bool,
}

impl Workspace {
    /// Asks cargo, without resolving dependencies: some tens of milliseconds, no network.
    pub(crate) fn read() -> Result<Self> {
        Self::parse(&metadata(&["--no-deps", "--offline"])?)
    }

    fn parse(metadata: &Value) -> Result<Self> {
        let root = PathBuf::from(text(metadata, "workspace_root")?);
        let members = list(metadata, "packages")
            .map(|package| member(package, &root))
            .collect::<Result<_>>()?;
        Ok(Self {
            target: PathBuf::from(text(metadata, "target_directory")?),
            root,
            members,
        })
    }
}

/// The features with which each package of the resolved graph is built, all features of our own on.
pub(crate) fn resolved_features() -> Result<Vec<(String, Vec<String>)>> {
    let host = host()?;
    let metadata = metadata(&["--all-features", "--filter-platform", &host])?;
    let resolve = metadata
        .get("resolve")
        .context("cargo metadata gave no resolve")?;
    list(resolve, "nodes")
        .map(|node| {
            let features = list(node, "features")
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect();
            Ok((text(node, "id")?.to_owned(), features))
        })
        .collect()
}

/// The cargo that runs this program, else the one in the path.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

fn metadata(options: &[&str]) -> Result<Value> {
    let output = captured(
        cargo()
            .args(["metadata", "--format-version=1", "--quiet"])
            .args(options),
    )?;
    serde_json::from_str(&output).context("cargo metadata printed something that is not JSON")
}

fn host() -> Result<String> {
    let version = captured(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc -vV names no host")?.to_owned())
}

/// What a command prints, or its error text when it fails.
pub(crate) fn captured(command: &mut Command) -> Result<String> {
    let program = program_name(command);
    let output = command
        .output()
        .with_context(|| format!("cannot start {program}"))?;
    refuse_if(!output.status.success(), || {
        format!(
            "{program} failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )
    })?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The name of the program of a command, without its folder.
pub(crate) fn program_name(command: &Command) -> String {
    let program = Path::new(command.get_program());
    program
        .file_name()
        .unwrap_or(program.as_os_str())
        .to_string_lossy()
        .into_owned()
}

fn member(package: &Value, root: &Path) -> Result<Member> {
    let manifest = PathBuf::from(text(package, "manifest_path")?);
    let folder = manifest
        .parent()
        .and_then(|folder| folder.strip_prefix(root).ok());
    let folder = folder.with_context(|| format!("{} is outside of the workspace", manifest.display()))?;
    Ok(Member {
        name: text(package, "name")?.to_owned(),
        folder: folder.to_string_lossy().replace('\\', "/"),
        dependencies: list(package, "dependencies")
            .map(dependency)
            .collect::<Result<_>>()?,
    })
}

fn dependency(entry: &Value) -> Result<Dependency> {
    let dev = entry.get("kind").and_then(Value::as_str) == Some("dev");
    Ok(Dependency {
        name: text(entry, "name")?.to_owned(),
        dev,
    })
}

fn text<'a>(value: &'a Value, field: &str) -> Result<&'a str> {
    value
        .get(field)
        .and_then(Value::as_str)
        .with_context(|| format!("cargo metadata gave no {field}"))
}

fn list<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    value.get(field).and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_members_and_kinds_of_dependencies() {
        let metadata = serde_json::json!({
            "workspace_root": "/src", "target_directory": "/src/target",
            "packages": [{
                "name": "arca-base", "manifest_path": "/src/crates/kernel/base/Cargo.toml",
                "dependencies": [{"name": "jiff", "kind": null}, {"name": "proptest", "kind": "dev"}],
            }],
        });
        let workspace = Workspace::parse(&metadata).unwrap();
        let base = workspace.members.first().unwrap();
        assert_eq!(
            (base.name.as_str(), base.folder.as_str()),
            ("arca-base", "crates/kernel/base")
        );
        let kinds: Vec<_> = base
            .dependencies
            .iter()
            .map(|d| (d.name.as_str(), d.dev))
            .collect();
        assert_eq!(kinds, [("jiff", false), ("proptest", true)]);
    }
}
