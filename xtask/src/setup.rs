//! Installs what the tests and the benchmarks need, on Debian and its relatives.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::args::Args;
use crate::refuse_if;
use crate::workspace::{Workspace, captured, program_name};

pub(crate) const USAGE: &str = "\
Usage: cargo xtask setup

Installs what is missing of: PostgreSQL, MariaDB, Redis, OpenLDAP, strace, curl, openssl, faketime, Node.js with npm, Go,
python3 with a virtual environment under target/python for the pinned client libraries of the tests, and wrk for the
benchmarks. Installs packages with apt-get, as root or through sudo without a password; does nothing where everything
is there.";

/// What a program is needed for.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Purpose {
    Tests,
    Bench,
}

/// Something the machine must have.
struct Need {
    what: &'static str,
    packages: &'static [&'static str],
    purpose: Purpose,
    is_met: fn() -> bool,
}

const NEEDS: &[Need] = &[
    Need {
        what: "PostgreSQL server",
        packages: &["postgresql"],
        purpose: Purpose::Tests,
        is_met: has_postgresql,
    },
    Need {
        what: "MariaDB server",
        packages: &["mariadb-server-core", "mariadb-client-core"],
        purpose: Purpose::Tests,
        is_met: has_mariadb,
    },
    Need {
        what: "Redis server",
        packages: &["redis-server"],
        purpose: Purpose::Tests,
        is_met: || has_program("redis-server"),
    },
    Need {
        what: "OpenLDAP server",
        packages: &["slapd", "ldap-utils"],
        purpose: Purpose::Tests,
        is_met: has_openldap,
    },
    Need {
        what: "strace",
        packages: &["strace"],
        purpose: Purpose::Tests,
        is_met: || has_program("strace"),
    },
    Need {
        what: "curl",
        packages: &["curl"],
        purpose: Purpose::Tests,
        is_met: || has_program("curl"),
    },
    Need {
        what: "openssl",
        packages: &["openssl"],
        purpose: Purpose::Tests,
        is_met: || has_program("openssl"),
    },
    Need {
        what: "faketime",
        packages: &["faketime"],
        purpose: Purpose::Tests,
        is_met: || has_program("faketime"),
    },
    Need {
        what: "node with npm",
        packages: &["nodejs", "npm"],
        purpose: Purpose::Tests,
        is_met: || has_program("node") && has_program("npm"),
    },
    Need {
        what: "go",
        packages: &["golang-go"],
        purpose: Purpose::Tests,
        is_met: || has_program("go"),
    },
    Need {
        what: "python3 with venv",
        packages: &["python3", "python3-venv"],
        purpose: Purpose::Tests,
        is_met: has_python,
    },
    Need {
        what: "wrk",
        packages: &["wrk"],
        purpose: Purpose::Bench,
        is_met: || has_program("wrk"),
    },
];

/// A virtual environment with pinned packages.
struct Python {
    what: &'static str,
    /// Below the target folder.
    folder: &'static str,
    requirements: &'static str,
    /// What can be imported where everything is there.
    modules: &'static str,
}

const CLIENTS: Python = Python {
    what: "python clients",
    folder: "python",
    requirements: "xtask/python/requirements.txt",
    modules: "hvac, dateutil, openapi_spec_validator",
};

const FUZZER: Python = Python {
    what: "API fuzzer",
    folder: "python-fuzz",
    requirements: "xtask/python/fuzz.txt",
    modules: "schemathesis",
};

pub(crate) fn run(args: Args) -> Result<()> {
    args.finish()?;
    prepare(&Workspace::read()?, &[Purpose::Tests, Purpose::Bench])
}

/// Makes the machine ready for `purposes`, and says what it does.
pub(crate) fn prepare(workspace: &Workspace, purposes: &[Purpose]) -> Result<()> {
    install_packages(purposes)?;
    if purposes.contains(&Purpose::Tests) {
        CLIENTS.install(workspace)?;
    }
    Ok(())
}

/// Installs the API fuzzer, and gives its Python interpreter.
pub(crate) fn prepare_fuzzer(workspace: &Workspace) -> Result<PathBuf> {
    FUZZER.install(workspace)?;
    Ok(FUZZER.interpreter(workspace))
}

/// The Python interpreter that has the pinned client libraries.
pub(crate) fn python(workspace: &Workspace) -> PathBuf {
    CLIENTS.interpreter(workspace)
}

fn install_packages(purposes: &[Purpose]) -> Result<()> {
    let mut missing = Vec::new();
    for need in NEEDS.iter().filter(|need| purposes.contains(&need.purpose)) {
        let met = (need.is_met)();
        println!("{:<18} {}", need.what, if met { "there" } else { "missing" });
        if !met {
            missing.extend_from_slice(need.packages);
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let prefix = root_prefix(&missing)?;
    println!("installing packages: {}", missing.join(" "));
    apt_get(&prefix, &["update", "-q"])?;
    apt_get(
        &prefix,
        &[
            &["install", "-q", "-y", "--no-install-recommends"],
            missing.as_slice(),
        ]
        .concat(),
    )
}

/// What to put before a command so that it runs as root.
fn root_prefix(missing: &[&str]) -> Result<Vec<&'static str>> {
    let packages = missing.join(" ");
    refuse_if(!has_program("apt-get"), || {
        format!("there is no apt-get here: install what Debian calls `{packages}` with your package manager")
    })?;
    let is_root = captured(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    let may_sudo = || captured(Command::new("sudo").args(["-n", "true"])).is_ok();
    match is_root {
        true => Ok(Vec::new()),
        false if may_sudo() => Ok(vec!["sudo", "-n"]),
        false => bail!(
            "packages are missing and this user may not install them; run:\n  sudo apt-get install {packages}"
        ),
    }
}

fn apt_get(prefix: &[&str], options: &[&str]) -> Result<()> {
    // `env`, because sudo drops the environment.
    let quiet = [
        "env",
        "DEBIAN_FRONTEND=noninteractive",
        "apt-get",
        "-o",
        "DPkg::Lock::Timeout=300",
    ];
    let words = [prefix, &quiet, options].concat();
    let (program, rest) = words.split_first().context("an empty command")?;
    stream(Command::new(program).args(rest))
}

impl Python {
    fn interpreter(&self, workspace: &Workspace) -> PathBuf {
        workspace.target.join(self.folder).join("bin/python")
    }

    /// Makes the virtual environment, unless the one that is there has the same requirements.
    fn install(&self, workspace: &Workspace) -> Result<()> {
        let folder = workspace.target.join(self.folder);
        let python = self.interpreter(workspace);
        let requirements = workspace.root.join(self.requirements);
        let wanted = fs::read_to_string(&requirements).context(self.requirements)?;
        let installed = folder.join("installed.txt");
        if fs::read_to_string(&installed).is_ok_and(|text| text == wanted) && self.is_there(&python) {
            println!("{:<18} there", self.what);
            return Ok(());
        }
        println!(
            "installing the packages of {} into {}",
            self.requirements,
            folder.display()
        );
        stream(
            Command::new("python3")
                .args(["-m", "venv", "--clear"])
                .arg(&folder),
        )?;
        stream(
            Command::new(python)
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
                .args(["--require-hashes", "-r"])
                .arg(requirements),
        )?;
        fs::write(&installed, wanted).with_context(|| format!("cannot write {}", installed.display()))
    }

    fn is_there(&self, python: &Path) -> bool {
        let imports = format!("import {}", self.modules);
        captured(Command::new(python).args(["-c", &imports])).is_ok()
    }
}

fn has_python() -> bool {
    captured(Command::new("python3").args(["-c", "import ensurepip, venv"])).is_ok()
}

/// Debian keeps the programs of each major version out of the path.
fn has_postgresql() -> bool {
    let versions = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    has_program("postgres")
        || versions
            .map(|version| version.path())
            .any(|path| path.join("bin/postgres").exists())
}

/// The server may stand where only root's path leads.
fn has_mariadb() -> bool {
    has_program("mariadb") && (has_program("mariadbd") || Path::new("/usr/sbin/mariadbd").exists())
}

/// As MariaDB's server.
fn has_openldap() -> bool {
    has_program("ldapmodify") && (has_program("slapd") || Path::new("/usr/sbin/slapd").exists())
}

/// Whether a program is in the path.
pub(crate) fn has_program(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

/// Runs a command whose output goes to the terminal.
pub(crate) fn stream(command: &mut Command) -> Result<()> {
    let program = program_name(command);
    let status = command
        .status()
        .with_context(|| format!("cannot start {program}"))?;
    refuse_if(!status.success(), || format!("{program} failed: {status}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_is_in_the_path() {
        assert!(has_program("sh"));
        assert!(!has_program("no-such-program"));
    }

    #[test]
    fn reports_the_failure_of_a_command() {
        assert!(stream(&mut Command::new("true")).is_ok());
        assert!(
            stream(&mut Command::new("false"))
                .unwrap_err()
                .to_string()
                .starts_with("false failed")
        );
        assert!(
            stream(&mut Command::new("no-such-program"))
                .unwrap_err()
                .to_string()
                .contains("cannot start")
        );
    }

    #[test]
    fn pins_every_python_package_by_content() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for (python, needed) in [
            (
                CLIENTS,
                &["hvac==", "python-dateutil==", "openapi-spec-validator=="][..],
            ),
            (FUZZER, &["schemathesis=="]),
        ] {
            let text = fs::read_to_string(root.join(python.requirements)).unwrap();
            let pins: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
            for name in needed {
                assert!(pins.iter().any(|pin| pin.starts_with(name)), "{name}");
            }
            assert!(
                pins.iter()
                    .all(|pin| pin.contains("==") && pin.contains("--hash=sha256:")),
                "{pins:?}"
            );
        }
    }
}
