//! Collectors of audit entries behind TLS, with an authority that only the options of their device know.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use arca_fixtures::Authority;
use arca_tests::Node;
use arca_tests::program::{bare, checked_in, python};
use serde_json::Value;

/// A collector that is not this project's. It ends when dropped.
struct Collector {
    child: Child,
    port: u16,
    received: PathBuf,
}

impl Collector {
    /// One with a certificate of `authority` for `name`; `callers` vouches for whoever may write to it.
    fn start(node: &Node, authority: &Authority, name: &str, callers: Option<&Authority>) -> Self {
        let folder = node.path(&name.replace(':', "-"));
        fs::create_dir_all(&folder).unwrap();
        let [certificate, key] = issued(&folder, "collector", authority, name);
        let received = folder.join("received");
        fs::write(&received, "").unwrap();
        let mut command = bare(&python(), node.folder());
        command
            .arg(checked_in("clients/python/collector.py"))
            .args([&certificate, &key, &received])
            .args(callers.map(Authority::file))
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        Self {
            child,
            port: line.trim().parse().unwrap(),
            received,
        }
    }

    /// The paths of the requests it has heard of.
    fn paths(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.received).unwrap();
        let entry = |line| serde_json::from_str::<Value>(line).unwrap();
        text.lines()
            .map(|line| entry(line)["request"]["path"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Enables a device that writes to it; the exit code and what was printed.
    fn enable(&self, node: &Node, device: &str, options: &[(&str, &Path)]) -> (i32, String) {
        let options: String = options
            .iter()
            .map(|(name, value)| format!(" {name}={}", value.display()))
            .collect();
        let uri = format!("https://127.0.0.1:{}/ingest", self.port);
        let ran = node.shell().run(&format!(
            "arca audit enable -path={device} http uri={uri} write_timeout=5s{options}"
        ));
        (ran.code, ran.out + &ran.errors)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Files with a certificate and its key.
fn issued(folder: &Path, name: &str, authority: &Authority, host: &str) -> [PathBuf; 2] {
    let pair = authority.issue(host).unwrap();
    let files = [
        folder.join(format!("{name}.pem")),
        folder.join(format!("{name}-key.pem")),
    ];
    fs::write(&files[0], pair.certificate).unwrap();
    fs::write(&files[1], pair.key).unwrap();
    files
}

#[test]
fn a_collector_is_trusted_by_the_authority_of_its_options_and_by_no_other() {
    let node = Node::embedded();
    let (ours, others) = (Authority::new().unwrap(), Authority::new().unwrap());
    let (ca, wrong) = (ours.file(), others.file());
    let empty = node.path("empty.pem");
    fs::write(&empty, "no certificate\n").unwrap();
    let name = Path::new("logs.example.com");
    let collector = Collector::start(&node, &ours, "IP:127.0.0.1", None);
    for options in [
        &[][..],
        &[("ca_cert", &*wrong)],
        &[("ca_cert", &*empty)],
        &[("ca_cert", Path::new("/nowhere/ca.pem"))],
        &[("ca_cert", &*ca), ("tls_server_name", name)],
    ] {
        let (code, printed) = collector.enable(&node, "refused", options);
        assert_eq!(code, 2, "{options:?}: {printed}");
    }
    assert_eq!(collector.paths(), Vec::<String>::new());
    let (code, printed) = collector.enable(&node, "good", &[("ca_cert", &*ca)]);
    assert_eq!(code, 0, "{printed}");
    node.shell().run("arca read sys/key-status").expect(0);
    let expected = [
        "sys/audit/test",
        "sys/audit/good",
        "sys/key-status",
        "sys/key-status",
    ];
    assert_eq!(collector.paths(), expected);
    // One that is called otherwise than its address is known by the name it has.
    let named = Collector::start(&node, &ours, "logs.example.com", None);
    let (code, printed) = named.enable(&node, "unnamed", &[("ca_cert", &*ca)]);
    assert_eq!(code, 2, "{printed}");
    let options = [("ca_cert", &*ca), ("tls_server_name", name)];
    let (code, printed) = named.enable(&node, "named", &options);
    assert_eq!(code, 0, "{printed}");
}

#[test]
fn a_collector_that_asks_for_a_certificate_gets_that_of_the_options() {
    let node = Node::embedded();
    let (ours, callers) = (Authority::new().unwrap(), Authority::new().unwrap());
    let ca = ours.file();
    let collector = Collector::start(&node, &ours, "IP:127.0.0.1", Some(&callers));
    let folder = node.folder();
    let [known, known_key] = issued(folder, "known", &callers, "arca.example.com");
    let [stranger, strange_key] = issued(folder, "stranger", &ours, "arca.example.com");
    for options in [
        &[("ca_cert", &*ca)][..],
        &[
            ("ca_cert", &*ca),
            ("client_cert", &*stranger),
            ("client_key", &*strange_key),
        ],
    ] {
        let (code, printed) = collector.enable(&node, "refused", options);
        assert_eq!(code, 2, "{options:?}: {printed}");
    }
    assert_eq!(collector.paths(), Vec::<String>::new());
    let options = [
        ("ca_cert", &*ca),
        ("client_cert", &*known),
        ("client_key", &*known_key),
    ];
    let (code, printed) = collector.enable(&node, "good", &options);
    assert_eq!(code, 0, "{printed}");
    assert_eq!(collector.paths(), ["sys/audit/test", "sys/audit/good"]);
}
