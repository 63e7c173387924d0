//! One fault after the other: the line a person reads, what stays as it was, and that it heals.

use std::fs;
use std::io::Write as _;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use arca_base::time::Sleep;
use arca_base::{Clock, Timestamp};
use arca_testkit::ManualClock;
use parking_lot::Mutex;
use serde_json::json;

use crate::log::Log;
use crate::templates::{Stage, password, put, start, start_by, world};
use crate::world::{World, until};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const READ: &str = "secret/data/app ";

/// The only file holds `one`, and everything is well.
async fn well(stage: &Stage) {
    stage.until_file("out", "one").await;
    until(|| stage.progress.borrow().is_done()).await;
}

/// Lets time pass until the template is well again, with this text.
async fn heals(stage: &Stage, log: &Log, text: &str) {
    stage
        .world
        .pass_until(5 * SECOND, || {
            stage.read("out") == text && stage.trouble(0).is_empty()
        })
        .await;
    log.line("INFO the template is well again");
}

#[tokio::test]
async fn a_server_that_is_down_sealed_or_busy_leaves_the_file_and_is_asked_with_growing_pauses() {
    for (status, retry_after, line) in [
        (
            None,
            None,
            "WARN secret secret/app: GET http://localhost/v1/secret/data/app: ",
        ),
        (
            Some(503),
            None,
            "WARN secret secret/app: the server answers 503 Service Unavailable: a double says no",
        ),
        (
            Some(429),
            Some(90),
            "WARN secret secret/app: the server answers 429 Too Many Requests: a double says no",
        ),
        (
            Some(500),
            None,
            "WARN secret secret/app: the server answers 500 Internal Server Error: a double says no",
        ),
    ] {
        let log = Log::start();
        let stage = start(world().await, &password("out", ""));
        well(&stage).await;
        put(&stage.world, "app", json!({"password": "two"})).await;
        match status {
            None => stage.world.line.down.store(true, Ordering::SeqCst),
            Some(status) => {
                let refusals = std::iter::repeat_n((status, retry_after), 100);
                stage.world.line.instead.lock().extend(refusals);
            }
        }
        stage.secrets.changed_at("secret/data/app");
        until(|| !stage.trouble(0).is_empty()).await;
        assert!(log.line(line).ends_with("/out"), "{:?}", log.lines());
        let before = stage.world.asked(READ);
        for _ in 0..60 {
            stage.world.pass(SECOND).await;
        }
        let tries = stage.world.asked(READ) - before;
        match retry_after {
            Some(_) => assert_eq!(tries, 0, "the server has asked for patience"),
            None => assert!((3..=24).contains(&tries), "{tries} attempts in a minute"),
        }
        assert_eq!(stage.read("out"), "one");
        stage.world.line.down.store(false, Ordering::SeqCst);
        stage.world.line.instead.lock().clear();
        heals(&stage, &log, "two").await;
    }
}

#[tokio::test]
async fn a_refusal_is_not_retried_like_an_outage() {
    let mut tries = Vec::new();
    for status in [403, 404, 503] {
        let log = Log::start();
        let stage = start(world().await, &password("out", ""));
        well(&stage).await;
        let refusals = std::iter::repeat_n((status, None), 100);
        stage.world.line.instead.lock().extend(refusals);
        stage.secrets.changed_at("secret/data/app");
        until(|| !stage.trouble(0).is_empty()).await;
        let before = stage.world.line.asked.lock().len();
        for _ in 0..20 {
            stage.world.pass(Duration::from_millis(500)).await;
        }
        tries.push(stage.world.line.asked.lock().len() - before);
        assert_eq!(stage.read("out"), "one");
        stage.world.line.instead.lock().clear();
        heals(&stage, &log, "one").await;
    }
    assert!(tries[0] <= 4 && tries[1] <= 8 && tries[2] > tries[0], "{tries:?}");
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_given_up_after_a_minute() {
    let log = Log::start();
    let stage = start(world().await, &password("out", ""));
    well(&stage).await;
    put(&stage.world, "app", json!({"password": "two"})).await;
    stage.world.line.hangs.store(true, Ordering::SeqCst);
    stage.secrets.changed_at("secret/data/app");
    let passed = stage
        .world
        .pass_until(5 * SECOND, || !stage.trouble(0).is_empty())
        .await;
    assert!((50..=70).contains(&passed.as_secs()), "{passed:?}");
    log.line("WARN secret secret/app: GET http://localhost/v1/secret/data/app: no answer within 60s");
    assert_eq!(stage.read("out"), "one");
    stage.world.line.hangs.store(false, Ordering::SeqCst);
    heals(&stage, &log, "two").await;
}

#[tokio::test]
async fn a_text_that_fails_says_where_and_never_what() {
    for (contents, place) in [
        (
            "{{ with secret \\\"secret/app\\\" }}\\n  {{ .Data.data.password | parseInt }}{{ end }}",
            ":2:",
        ),
        (
            "{{ with secret \\\"secret/app\\\" }}{{ .Data.data.nothing.deeper }}{{ end }}",
            ":1:",
        ),
        (
            "{{ with secret \\\"secret/app\\\" }}{{ index .Data.data.password 99 }}{{ end }}",
            ":1:",
        ),
        (
            "{{ with secret \\\"secret/app\\\" }}{{ mustEnv \\\"NO_SUCH_VARIABLE\\\" }}{{ end }}",
            ":1:",
        ),
    ] {
        let log = Log::start();
        let world = world().await;
        put(&world, "app", json!({"password": "canary"})).await;
        let text = format!("template {{\n destination = \"@/out\"\n contents = \"{contents}\"\n}}\n");
        let stage = start(world, &text);
        until(|| !stage.trouble(0).is_empty()).await;
        let line = log.line("WARN template: ");
        assert!(line.contains(place) && !line.contains("canary"), "{line}");
        assert!(!stage.world.path("out").exists());
        stage.world.pass(10 * MINUTE).await;
        let said = log.lines().iter().filter(|line| line.starts_with("WARN")).count();
        assert_eq!(said, 1, "once: {:?}", log.lines());
    }
}

#[tokio::test]
async fn a_place_that_cannot_be_written_is_said_and_tried_again() {
    let log = Log::start();
    let world = world().await;
    fs::write(world.path("file"), "not a folder").unwrap();
    let stage = start(world, &password("file/out", ""));
    until(|| !stage.trouble(0).is_empty()).await;
    let line = log.line("WARN cannot write ");
    assert!(
        line.contains("/file/out: ") && line.contains("(os error"),
        "{line}"
    );
    fs::remove_file(stage.world.path("file")).unwrap();
    stage
        .world
        .pass_until(5 * SECOND, || stage.read("file/out") == "one")
        .await;
    until(|| stage.trouble(0).is_empty()).await;
}

/// A file system of memory with room for 64 KiB; none where this user may not mount one.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(path: std::path::PathBuf) -> Option<Self> {
        fs::create_dir(&path).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]).arg(&path);
        let mounted = mount.output().is_ok_and(|ran| ran.status.success());
        mounted.then_some(Self(path))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_full_disk_leaves_the_whole_former_file() {
    let log = Log::start();
    let world = world().await;
    let Some(disk) = SmallDisk::mount(world.path("disk")) else {
        let _ = writeln!(std::io::stderr(), "left out: mounting a file system needs root");
        return;
    };
    let former = "1".repeat(20_000);
    put(&world, "app", json!({ "password": former })).await;
    let stage = start(world, &password("disk/out", ""));
    stage.until_file("disk/out", &former).await;
    let rest = disk.0.join("rest");
    fs::write(&rest, vec![0; 30_000]).unwrap();
    let next = "2".repeat(30_000);
    stage.change(&next).await;
    until(|| !stage.trouble(0).is_empty()).await;
    let line = log.line("WARN cannot write ");
    assert!(
        line.contains("No space left on device") && line.contains("make room"),
        "{line}"
    );
    stage.world.pass(10 * MINUTE).await;
    assert_eq!(stage.read("disk/out"), former);
    assert_eq!(
        fs::read_dir(&disk.0).unwrap().count(),
        2,
        "nothing half written stays"
    );
    fs::remove_file(&rest).unwrap();
    stage
        .world
        .pass_until(5 * SECOND, || stage.read("disk/out") == next)
        .await;
}

#[tokio::test]
async fn commands_that_fail_hang_or_are_not_there_are_said_and_stop_nothing() {
    for (command, line) in [
        (
            "command = \"echo said; exit 3\"",
            "ERROR the command of a template failed: exit status: 3 command=echo",
        ),
        (
            "command = [\"/no/such/program\", \"canary\"]",
            "ERROR the command of a template cannot start: No such file or directory (os error 2) command=/no/such/program",
        ),
        (
            "command = [\"sleep\", \"1000\"] timeout = \"5s\"",
            "ERROR the command of a template did not end within 5 s and is killed command=sleep",
        ),
    ] {
        let log = Log::start();
        let stage = start(world().await, &password("out", &format!("exec {{ {command} }}")));
        stage.until_file("out", "one").await;
        for _ in 0..40 {
            stage.world.pass(SECOND).await;
            if stage.progress.borrow().is_done() {
                break;
            }
        }
        assert_eq!(log.line("ERROR the command"), line);
        assert!(!log.lines().join("\n").contains("canary"));
        stage.change("two").await;
        stage.until_file("out", "two").await;
        assert!(stage.trouble(0).is_empty(), "a command is not the template");
    }
}

/// A clock whose time of day somebody sets.
struct SetClock {
    steady: Arc<ManualClock>,
    /// Seconds that were added.
    ahead: Mutex<i64>,
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        let now = self.steady.now();
        Timestamp::from_unix(now.unix_seconds() + *self.ahead.lock(), 0)
    }

    fn monotonic(&self) -> Duration {
        self.steady.monotonic()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        self.steady.sleep(duration)
    }
}

fn with_set_clock(world: World, text: &str) -> (Stage, Arc<SetClock>) {
    let clock = Arc::new(SetClock {
        steady: world.vault.server.clock.clone(),
        ahead: Mutex::new(0),
    });
    (start_by(world, text, clock.clone()), clock)
}

#[tokio::test]
async fn a_clock_that_is_set_costs_a_request_at_most() {
    for jump in [10 * 3600, -10 * 3600, 400 * 86_400, -400 * 86_400] {
        let (stage, clock) = with_set_clock(world().await, &password("out", ""));
        well(&stage).await;
        let before = stage.world.asked(READ);
        *clock.ahead.lock() = jump;
        for _ in 0..60 {
            stage.world.pass(SECOND).await;
        }
        let asked = stage.world.asked(READ) - before;
        assert!(asked <= 1, "{jump}: {asked} requests");
        assert_eq!(
            (stage.read("out").as_str(), stage.trouble(0)),
            ("one", String::new())
        );
        // What counts is the steady clock: a change is seen within the interval.
        put(&stage.world, "app", json!({"password": "two"})).await;
        let passed = stage
            .world
            .pass_until(5 * SECOND, || stage.read("out") == "two")
            .await;
        assert!(passed <= 5 * MINUTE, "{jump}: {passed:?}");
    }
}

#[tokio::test]
async fn certificates_and_credentials_outlive_a_clock_that_is_set_back() {
    let world = world().await;
    let text = "template {\n destination = \"@/out\"\n contents = \"{{ with secret \\\"auth/token/create\\\" \
                \\\"ttl=10m\\\" }}{{ .Auth.ClientToken }}{{ end }}\"\n}\n";
    let (stage, clock) = with_set_clock(world, text);
    until(|| !stage.read("out").is_empty()).await;
    *clock.ahead.lock() = -7 * 3600;
    for _ in 0..360 {
        stage.world.pass(5 * SECOND).await;
        let held = stage.read("out");
        let looked = stage
            .world
            .vault
            .write("auth/token/lookup", json!({ "token": held }));
        assert_eq!(looked.await.status, 200, "the file holds what has ended");
    }
}
