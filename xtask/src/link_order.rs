//! `cargo xtask link-order`: writes down which functions an agent runs, so that the linker puts them together.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::args::Args;
use crate::process::Running;
use crate::refuse_if;
use crate::setup::{has_program, stream};
use crate::time::{Stopwatch, pause};
use crate::workspace::{Workspace, captured, cargo};

pub(crate) const USAGE: &str = "\
Usage: cargo xtask link-order

Builds the release, runs an agent under valgrind beside a development server with TLS (it logs in, renders ten files, renews
its token, writes files again), and writes the names of the functions it ran to crates/arca/link-order.txt. The release is
linked in that order: the kernel maps 64 KiB around each place that is run, so what runs should lie together. Names that no
longer exist are passed over, so the file may be older than the program; run this when the agent has changed much.
Needs valgrind and a Linux on which the release keeps its symbols.";

/// How many files the agent keeps.
const FILES: usize = 10;
/// A name that stands for no more functions than this is written down without its hash.
const FAMILY: usize = 3;
/// How long a step may take; under valgrind everything is some thirty times slower.
const PATIENCE: Duration = Duration::from_secs(120);
/// Long enough for a token of six seconds to be renewed.
const RENEWAL: Duration = Duration::from_secs(10);

pub(crate) fn run(args: Args) -> Result<()> {
    args.finish()?;
    refuse_if(!has_program("valgrind"), || {
        "valgrind is not installed: install the package valgrind".to_owned()
    })?;
    let workspace = Workspace::read()?;
    stream(cargo().args(["build", "--release", "--package=arca"]))?;
    let folder = workspace.target.join("link-order");
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder)?;
    let stage = Stage::start(workspace.target.join("release/arca"), folder)?;
    let profiles = Login::ALL.map(|login| stage.trace(login));
    let profiles = profiles.into_iter().collect::<Result<Vec<_>>>()?.concat();
    let all = captured(Command::new("nm").arg(&stage.program))?;
    let ran = patterns(&functions(&profiles), &all);
    refuse_if(ran.len() < 500, || {
        format!(
            "the agent ran {} functions with names: does the program keep its symbols?",
            ran.len()
        )
    })?;
    let file = workspace.root.join("crates/arca/link-order.txt");
    fs::write(&file, lines(&ran)).with_context(|| format!("cannot write {}", file.display()))?;
    println!("{} functions in {}", ran.len(), file.display());
    Ok(())
}

/// How the agent comes to its token.
#[derive(Clone, Copy)]
enum Login {
    AppRole,
    TokenFile,
}

impl Login {
    const ALL: [Self; 2] = [Self::AppRole, Self::TokenFile];

    fn method(self, path: impl Fn(&str) -> String) -> String {
        match self {
            Self::AppRole => format!(
                "method \"approle\" {{ config = {{\n  role_id_file_path = {:?}\n  secret_id_file_path = {:?}\n  \
                 remove_secret_id_file_after_reading = false\n}} }}",
                path("role"),
                path("secret")
            ),
            Self::TokenFile => format!(
                "method \"token_file\" {{ config = {{ token_file_path = {:?} }} }}",
                path("root")
            ),
        }
    }
}

/// A development server, and where an agent lives beside it.
struct Stage {
    program: PathBuf,
    folder: PathBuf,
    server: Running,
}

impl Stage {
    fn start(program: PathBuf, folder: PathBuf) -> Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let log = fs::File::create(folder.join("server.log"))?;
        let server = Command::new(&program)
            .args(["server", "-dev-tls", "-dev-root-token-id=root"])
            .arg(format!("-dev-listen-address={address}"))
            .arg(format!("-dev-tls-cert-dir={}", folder.display()))
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("cannot start the server")?;
        let stage = Self {
            program,
            folder,
            server: Running::new(server, address)?,
        };
        wait("the server answers", || stage.arca(&["status"]).is_ok())?;
        stage.prepare()?;
        Ok(stage)
    }

    /// A role whose tokens live for seconds, and the secrets.
    fn prepare(&self) -> Result<()> {
        let policy = self.folder.join("policy.hcl");
        fs::write(&policy, "path \"secret/*\" { capabilities = [\"read\"] }\n")?;
        self.arca(&["policy", "write", "app", &policy.display().to_string()])?;
        self.arca(&["auth", "enable", "approle"])?;
        self.arca(&[
            "write",
            "auth/approle/role/app",
            "token_policies=app",
            "token_ttl=6s",
        ])?;
        for (file, arguments) in [
            (
                "role",
                ["read", "-field=role_id", "auth/approle/role/app/role-id"].as_slice(),
            ),
            (
                "secret",
                [
                    "write",
                    "-f",
                    "-field=secret_id",
                    "auth/approle/role/app/secret-id",
                ]
                .as_slice(),
            ),
        ] {
            fs::write(self.folder.join(file), self.arca(arguments)?)?;
        }
        fs::write(self.folder.join("root"), "root")?;
        Ok(())
    }

    fn put(&self, value: &str) -> Result<()> {
        for n in 0..FILES {
            let name = format!("app-{n}");
            self.arca(&["kv", "put", "-mount=secret", &name, &format!("value={value}")])?;
        }
        Ok(())
    }

    fn arca(&self, arguments: &[&str]) -> Result<String> {
        captured(
            Command::new(&self.program)
                .args(arguments)
                .env("VAULT_ADDR", format!("https://{}", self.server.address))
                .env("VAULT_CACERT", self.certificate())
                .env("VAULT_TOKEN", "root"),
        )
    }

    fn certificate(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// Runs an agent through what agents do, and gives what valgrind noted.
    fn trace(&self, login: Login) -> Result<String> {
        self.put("first")?;
        let configuration = self.folder.join("agent.hcl");
        fs::write(&configuration, self.configuration(login))?;
        let profile = self.folder.join("callgrind.out");
        let log = fs::File::create(self.folder.join("agent.log"))?;
        let agent = Command::new("valgrind")
            .args(["--tool=callgrind", "--demangle=no"])
            .arg(format!("--callgrind-out-file={}", profile.display()))
            .arg(&self.program)
            .arg("agent")
            .arg(format!("-config={}", configuration.display()))
            .stdout(log.try_clone()?)
            .stderr(log)
            .stdin(Stdio::null())
            .spawn()
            .context("cannot start valgrind")?;
        let agent = Running::new(agent, String::new())?;
        self.wait_for("first")?;
        self.put("second")?;
        self.wait_for("second")?;
        pause(RENEWAL);
        agent.stop()?;
        fs::read_to_string(&profile).context("valgrind left no profile; see agent.log")
    }

    fn configuration(&self, login: Login) -> String {
        let path = |name: &str| self.folder.join(name).display().to_string();
        let mut text = format!(
            "vault {{\n  address = \"https://{}\"\n  ca_cert = {:?}\n}}\n\
             auto_auth {{\n  {}\n  sink \"file\" {{ config = {{ path = {:?} }} }}\n}}\n",
            self.server.address,
            self.certificate(),
            login.method(path),
            path("token"),
        );
        for n in 0..FILES {
            text += &format!(
                "template {{\n  contents = \"{{{{ with secret \\\"secret/data/app-{n}\\\" }}}}\
                 {{{{ .Data.data.value }}}}{{{{ end }}}}\"\n  destination = {:?}\n}}\n",
                path(&format!("out-{n}"))
            );
        }
        text
    }

    fn wait_for(&self, value: &str) -> Result<()> {
        for n in 0..FILES {
            let file = self.folder.join(format!("out-{n}"));
            wait("the agent writes its files", || {
                fs::read_to_string(&file).ok().as_deref() == Some(value)
            })?;
        }
        Ok(())
    }
}

fn wait(what: &str, mut is_so: impl FnMut() -> bool) -> Result<()> {
    let time = Stopwatch::start();
    while !is_so() {
        refuse_if(time.elapsed() > PATIENCE, || {
            format!("given up after {PATIENCE:?} waiting until {what}")
        })?;
        pause(Duration::from_millis(50));
    }
    Ok(())
}

/// The mangled names of functions in a profile.
fn functions(profile: &str) -> BTreeSet<&str> {
    let name = |line| -> Option<&str> {
        let line: &str = line;
        let name = line.strip_prefix("fn=(").or_else(|| line.strip_prefix("cfn=("))?;
        // A function that calls itself is told apart by how deep it is.
        name.split_once(") ")?.1.split('\'').next()
    };
    profile
        .lines()
        .filter_map(name)
        .filter(|name| is_plain(name))
        .collect()
}

/// Patterns of names that find the functions in later builds too. `all` is what `nm` says of the program.
fn patterns(ran: &BTreeSet<&str>, all: &str) -> BTreeSet<String> {
    let mut of_that_name: BTreeMap<String, usize> = BTreeMap::new();
    for name in all.lines().filter_map(|line| line.split(' ').nth(2)) {
        *of_that_name.entry(without_hashes(name)).or_default() += 1;
    }
    let pattern = |name: &str| {
        let loose = without_hashes(name);
        // Without its hash the name of a generic function stands for all that were made of it, hundreds of which no
        // agent runs. The hash is of types alone: it changes with the versions of compiler and libraries.
        match of_that_name.get(&loose) {
            Some(many) if *many > FAMILY => format!("{}*", without_unit(name)),
            _ => loose,
        }
    };
    ran.iter().map(|name| pattern(name)).collect()
}

/// Whether a name is one, not an address, and the linker reads it as it is.
fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with("0x")
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'$' | b'*'))
}

/// A mangled name without the part that tells in which unit of the compiler the function was.
fn without_unit(name: &str) -> &str {
    name.split(".llvm.").next().unwrap_or(name)
}

/// A mangled name without what differs from build to build: hashes at its end, and of crates within.
fn without_hashes(name: &str) -> String {
    let name = without_unit(name);
    if name.starts_with("_ZN") {
        let end = name.rfind("17h").filter(|end| name.len() == end + 20);
        return end.map_or_else(|| name.to_owned(), |end| format!("{}17h*", &name[..end]));
    }
    if !name.starts_with("_R") {
        return name.to_owned();
    }
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(at) = rest.find("Cs") {
        let (before, hash) = rest.split_at(at + 2);
        out += before;
        let length = hash.bytes().take_while(u8::is_ascii_alphanumeric).count();
        let (hash, after) = hash.split_at(length);
        out += if after.starts_with('_') { "*" } else { hash };
        rest = after;
    }
    out + rest + "*"
}

fn lines(patterns: &BTreeSet<String>) -> String {
    let mut text = String::from(
        "# What an agent runs: the linker puts it together. Written by `cargo xtask link-order`.\n",
    );
    for pattern in patterns {
        text += pattern;
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_what_a_build_adds() {
        for (name, expected) in [
            ("_ZN4arca3run17h0123456789abcdefE", "_ZN4arca3run17h*"),
            ("_ZN4arca3run17h0123456789abcdefE.llvm.42", "_ZN4arca3run17h*"),
            ("_RNvCsjrHSEGnQ3l9_3std4main.llvm.42", "_RNvCs*_3std4main*"),
            ("SHA256_Update", "SHA256_Update"),
        ] {
            assert_eq!(without_hashes(name), expected);
        }
    }

    #[test]
    fn one_of_a_large_family_keeps_its_hash() {
        let ran = "_ZN3Vec4grow17h0123456789abcdefE.llvm.42";
        let member = |n: u32| format!("0000 t _ZN3Vec4grow17h{n:016x}E\n");
        let [few, many] = [1, 5].map(|count| (0..count).map(member).collect::<String>());
        let pattern = |all: &str| patterns(&BTreeSet::from([ran]), all).into_iter().next();
        assert_eq!(pattern(&few).as_deref(), Some("_ZN3Vec4grow17h*"));
        assert_eq!(
            pattern(&many).as_deref(),
            Some("_ZN3Vec4grow17h0123456789abcdefE*")
        );
    }

    #[test]
    fn a_profile_names_callers_and_callees_once() {
        let profile = "fn=(1) main\n+3 5\ncfn=(2) SHA256_Update\ncalls=1 0\nfn=(2)\nfn=(3) main'2\nfn=(4) 0x0000\ncfn=(5) (below main)\n";
        let names: Vec<&str> = functions(profile).into_iter().collect();
        assert_eq!(names, ["SHA256_Update", "main"]);
    }
}
