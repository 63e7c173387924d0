//! Starts an Arca server to be measured: embedded storage, a file audit device, plain HTTP on the loopback.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::http::Client;
use crate::process::Running;
use crate::time::{Stopwatch, pause};

pub(super) const PACKAGE: &str = "arca";

/// The mount point of the key-value engine that is measured.
pub(super) const MOUNT: &str = "bench";

/// An unsealed server, and what it takes to open it again.
pub(super) struct Arca {
    pub(super) running: Running,
    pub(super) token: String,
    program: PathBuf,
    folder: PathBuf,
    unseal_key: String,
}

/// How long a server took from its start.
pub(super) struct Opening {
    /// Until it answers, sealed.
    pub(super) listening: Duration,
    /// From the unseal key until it serves requests.
    pub(super) unsealed: Duration,
}

/// Starts the program on the store in `folder`: the one place that knows its command line and its configuration.
fn launch(program: &Path, folder: &Path) -> Result<Running> {
    let address = free_address()?;
    let store = folder.join("store");
    let configuration = format!(
        "storage \"embedded\" {{\n  path = {store:?}\n}}\n\n\
         listener \"tcp\" {{\n  address = \"{address}\"\n  tls_disable = true\n}}\n",
    );
    let file = folder.join("server.hcl");
    fs::write(&file, configuration)?;
    let log = File::create(folder.join("server.log"))?;
    let child = Command::new(program)
        .arg("server")
        .arg(format!("-config={}", file.display()))
        .stdout(log.try_clone()?)
        .stderr(log)
        .stdin(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))?;
    Running::new(child, address)
}

impl Arca {
    /// Starts a server on an empty store in `folder`, opens it, and turns on what is measured.
    pub(super) fn start(program: PathBuf, folder: &Path) -> Result<Self> {
        let mut running = launch(&program, folder)?;
        wait_until_it_answers(&mut running, folder)?;
        let init = json!({"secret_shares": 1, "secret_threshold": 1});
        let keys = Client::new(&running.address, None).call("PUT", "/v1/sys/init", Some(&init))?;
        let text = |pointer: &str| {
            let text = keys.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
            text.with_context(|| format!("the answer of sys/init has no {pointer}"))
        };
        let (token, unseal_key) = (text("/root_token")?, text("/keys/0")?);
        let arca = Self {
            running,
            token,
            program,
            folder: folder.to_owned(),
            unseal_key,
        };
        arca.unseal()?;
        arca.turn_on_what_is_measured()?;
        Ok(arca)
    }

    /// A client with the root token.
    pub(super) fn client(&self) -> Client {
        Client::new(&self.running.address, Some(&self.token))
    }

    /// Stops the server, starts it again on the same store, and opens it.
    pub(super) fn restart(self) -> Result<(Self, Opening)> {
        let Self {
            running,
            token,
            program,
            folder,
            unseal_key,
        } = self;
        running.stop()?;
        let time = Stopwatch::start();
        let mut running = launch(&program, &folder)?;
        wait_until_it_answers(&mut running, &folder)?;
        let listening = time.elapsed();
        let arca = Self {
            running,
            token,
            program,
            folder,
            unseal_key,
        };
        let time = Stopwatch::start();
        arca.unseal()?;
        Ok((
            arca,
            Opening {
                listening,
                unsealed: time.elapsed(),
            },
        ))
    }

    /// Opens the server, and waits until it says that it serves requests.
    fn unseal(&self) -> Result<()> {
        let mut client = self.client();
        client.call("PUT", "/v1/sys/unseal", Some(&json!({"key": self.unseal_key})))?;
        let time = Stopwatch::start();
        while client.send("GET", "/v1/sys/health", None)?.status != 200 {
            give_up_after(
                time,
                600,
                "the server does not become ready after its unseal key",
                &self.folder,
            )?;
            pause(Duration::from_millis(1));
        }
        Ok(())
    }

    fn turn_on_what_is_measured(&self) -> Result<()> {
        let mut client = self.client();
        let audit = json!({"type": "file", "options": {"file_path": self.folder.join("audit.log")}});
        client.call("PUT", "/v1/sys/audit/file", Some(&audit))?;
        let engine = json!({"type": "kv", "options": {"version": "2"}});
        client.call("POST", &format!("/v1/sys/mounts/{MOUNT}"), Some(&engine))?;
        Ok(())
    }
}

/// An address on the loopback that nobody listens at.
fn free_address() -> Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

fn wait_until_it_answers(running: &mut Running, folder: &Path) -> Result<()> {
    let time = Stopwatch::start();
    while Client::new(&running.address, None)
        .send("GET", "/v1/sys/health", None)
        .is_err()
    {
        if let Some(status) = running.ended()? {
            bail!("the server ended with {status}; {}", log_tail(folder));
        }
        give_up_after(time, 600, "the server does not answer", folder)?;
        pause(Duration::from_millis(1));
    }
    Ok(())
}

fn give_up_after(time: Stopwatch, seconds: u64, what: &str, folder: &Path) -> Result<()> {
    if time.elapsed() > Duration::from_secs(seconds) {
        bail!("{what} within {seconds} seconds; {}", log_tail(folder));
    }
    Ok(())
}

/// Where the log of the server is, and its last lines.
fn log_tail(folder: &Path) -> String {
    let path = folder.join("server.log");
    let log = fs::read_to_string(&path).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    let last = lines.get(lines.len().saturating_sub(20)..).unwrap_or_default();
    format!("{} ends with:\n{}", path.display(), last.join("\n"))
}
