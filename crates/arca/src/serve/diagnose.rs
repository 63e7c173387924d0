//! Looks at everything a server needs, and says what is wrong and what to do about it, without starting one.

use std::fs;
use std::path::{Path, PathBuf};

use arca_base::Ttl;
use arca_core::seal::Seal;
use arca_crypto::x509::Certificate;
use arca_server::config::{Configuration, Listener, Storage as Configured, Strictness, Tls};
use arca_storage::{Batch, Expected, Storage};

use super::store_checks::of_store;
use super::{ServeError, World, seal, storage};

/// A certificate that ends sooner than this deserves a warning: 30 days.
const SOON: Ttl = Ttl::from_hours(30 * 24);
/// Open files a busy server needs.
const FILES: u64 = 4096;

/// What one look found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Good,
    Warning,
    Bad,
}

/// One look.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    pub(crate) subject: String,
    pub(crate) verdict: Verdict,
    /// What was found, and where it is not good what to do.
    pub(crate) finding: String,
}

impl Check {
    fn new(subject: impl Into<String>, verdict: Verdict, finding: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            verdict,
            finding: finding.into(),
        }
    }

    pub(super) fn warning(subject: impl Into<String>, finding: impl Into<String>) -> Self {
        Self::new(subject, Verdict::Warning, finding)
    }

    pub(super) fn good(subject: impl Into<String>, finding: impl Into<String>) -> Self {
        Self::new(subject, Verdict::Good, finding)
    }

    pub(super) fn bad(subject: impl Into<String>, finding: impl Into<String>) -> Self {
        Self::new(subject, Verdict::Bad, finding)
    }
}

/// Everything that can be looked at. A configuration that cannot be read ends the look.
pub(crate) async fn diagnose(paths: &[PathBuf], world: &World) -> Vec<Check> {
    let configuration = match Configuration::load(paths, &world.environment, Strictness::Lenient) {
        Ok(configuration) => configuration,
        Err(error) => return vec![Check::bad("configuration", error.to_string())],
    };
    let mut checks = vec![Check::good(
        "configuration",
        format!("{} storage", configuration.storage.kind()),
    )];
    for note in &configuration.notes {
        checks.push(Check::new("configuration", Verdict::Warning, note.to_string()));
    }
    checks.push(open_files());
    for listener in &configuration.listeners {
        checks.extend(listen(listener, world));
    }
    let (seal, check) = of_seal(&configuration, world);
    checks.push(check);
    checks.extend(of_storage(&configuration, seal.as_ref(), world).await);
    checks
}

fn open_files() -> Check {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    match limit {
        Some(limit) if limit < FILES => Check::new(
            "open files",
            Verdict::Warning,
            format!("the limit is {limit}: raise it to {FILES} or more (ulimit -n, LimitNOFILE=)"),
        ),
        Some(limit) => Check::good("open files", format!("up to {limit}")),
        None => Check::good("open files", "no limit"),
    }
}

fn listen(listener: &Listener, world: &World) -> Vec<Check> {
    let subject = format!("listener {}", listener.address);
    let Some(tls) = &listener.tls else {
        return vec![Check::new(
            subject,
            Verdict::Warning,
            "plain HTTP: tokens and secrets can be read on the way; set tls_cert_file and tls_key_file",
        )];
    };
    vec![certificate(&subject, tls, world), key(&subject, &tls.key)]
}

fn certificate(subject: &str, tls: &Tls, world: &World) -> Check {
    let path = tls.certificate.display();
    let text = match fs::read_to_string(&tls.certificate) {
        Ok(text) => text,
        Err(error) => return Check::bad(subject, format!("{path}: {error}")),
    };
    let chain = match Certificate::chain_from_pem(&text) {
        Ok(chain) => chain,
        Err(error) => return Check::bad(subject, format!("{path}: {error}")),
    };
    let Some(leaf) = chain.first() else {
        return Check::bad(subject, format!("{path} holds no certificate"));
    };
    let now = world.clock.now();
    let end = leaf.validity().not_after();
    if !leaf.validity().contains(now) {
        return Check::bad(
            subject,
            format!(
                "{path} is not valid now: it is from {} to {end}",
                leaf.validity().not_before()
            ),
        );
    }
    if !leaf.validity().contains(now.plus(SOON)) {
        return Check::new(
            subject,
            Verdict::Warning,
            format!("{path} ends at {end}: renew it"),
        );
    }
    Check::good(subject, format!("certificate until {end}"))
}

fn key(subject: &str, path: &Path) -> Check {
    use std::os::unix::fs::PermissionsExt as _;
    match fs::metadata(path) {
        Err(error) => Check::bad(subject, format!("{}: {error}", path.display())),
        Ok(metadata) if metadata.permissions().mode() & 0o077 != 0 => Check::new(
            subject,
            Verdict::Warning,
            format!("{} can be read by others: chmod 600", path.display()),
        ),
        Ok(_) => Check::good(subject, "key is private"),
    }
}

fn of_seal(configuration: &Configuration, world: &World) -> (Option<Seal>, Check) {
    match seal::build(&configuration.seal, world) {
        Ok(seal) => (Some(seal), Check::good("seal", configuration.seal.kind())),
        Err(error) => (None, Check::bad("seal", error.to_string())),
    }
}

async fn of_storage(configuration: &Configuration, seal: Option<&Seal>, world: &World) -> Vec<Check> {
    let configured = &configuration.storage;
    let opened = match storage::open(configured, world).await {
        Ok(opened) => opened,
        Err(error) => return vec![Check::bad("storage", with_causes(&error))],
    };
    let mut checks = vec![probe(&*opened).await];
    if let Some(seal) = seal {
        checks.extend(of_store(&opened, seal, configuration.former_seal.is_some()).await);
    }
    if matches!(configured, Configured::Postgres(_)) && configuration.api_address.is_empty() {
        checks.push(Check::warning(
            "api_addr",
            "is not set: other nodes and clients are not told where this one is",
        ));
    }
    if let Configured::Embedded { path, .. } = configured {
        checks.push(space(path));
    }
    checks
}

/// A commit that changes nothing, and one look at what is there.
async fn probe(opened: &dyn Storage) -> Check {
    let nothing = Batch::new().expect("core/probe", Expected::Absent);
    match (opened.commit(nothing).await, opened.get("core/seal/config").await) {
        (Ok(_), Ok(Some(_))) => Check::good("storage", "answers; holds an initialized server"),
        (Ok(_), Ok(None)) => Check::good("storage", "answers; not initialized yet"),
        (Err(error), _) | (_, Err(error)) => Check::bad("storage", error.to_string()),
    }
}

fn space(path: &Path) -> Check {
    const LITTLE: u64 = 1 << 30;
    match rustix::fs::statvfs(path) {
        Err(error) => Check::new("disk", Verdict::Warning, format!("{}: {error}", path.display())),
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            let shown = format!("{} MiB free at {}", free >> 20, path.display());
            let verdict = if free < LITTLE {
                Verdict::Warning
            } else {
                Verdict::Good
            };
            Check::new("disk", verdict, shown)
        }
    }
}

fn with_causes(error: &ServeError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let shown = cause.to_string();
        if !text.contains(&shown) {
            text.push_str(": ");
            text.push_str(&shown);
        }
        source = cause.source();
    }
    text
}
