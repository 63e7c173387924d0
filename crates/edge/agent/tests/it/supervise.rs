//! Real processes under supervision.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arca_agent::config::Exec;
use arca_agent::supervise::{Ended, Environment, Order, Program, SuperviseError, Supervisor};
use arca_base::{Clock, Secret};
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::real_time::RealTime;

/// A supervisor at work on a shell script.
struct Stage {
    folder: TempDir,
    clock: Arc<dyn Clock>,
    values: watch::Sender<Option<Arc<Environment>>>,
    orders: mpsc::Sender<Order>,
    work: JoinHandle<Result<Ended, SuperviseError>>,
}

fn environment(value: &str) -> Option<Arc<Environment>> {
    let value = Secret::new(value.to_owned());
    Some(Arc::new(Environment::default().with("VALUE", value)))
}

impl Stage {
    /// `$DIR` in the script is a folder of the test.
    fn of(script: &str, change: impl FnOnce(&mut Exec, &Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = script.replace("$DIR", &folder.path().display().to_string());
        let mut exec = Exec {
            command: vec!["/bin/sh".into(), "-c".into(), script],
            restart_on_change: true,
            stop_signal: "SIGTERM".into(),
            stdout: None,
            stderr: None,
        };
        change(&mut exec, folder.path());
        let mut program = Program::of(&exec).unwrap();
        program.debounce = Duration::from_millis(50);
        program.patience = Duration::from_millis(500);
        let clock: Arc<dyn Clock> = Arc::new(RealTime::start());
        let (values, feed) = watch::channel(None);
        let (orders, received) = mpsc::channel(4);
        let supervisor = Supervisor::new(program, clock.clone(), feed, received);
        Self {
            folder,
            clock,
            values,
            orders,
            work: tokio::spawn(supervisor.run()),
        }
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }

    async fn until(&self, name: &str, expected: &str) {
        for _ in 0..1000 {
            if self.file(name) == expected {
                return;
            }
            self.clock.sleep(Duration::from_millis(10)).await;
        }
        panic!("{name}: {:?} instead of {expected:?}", self.file(name));
    }

    async fn end(self) -> Ended {
        self.work.await.unwrap().unwrap()
    }
}

const LOOP: &str = "trap 'echo stopped >> $DIR/log; exit 0' TERM; echo $VALUE >> $DIR/log; \
                    while :; do sleep 0.02; done";

#[tokio::test]
async fn it_starts_when_all_values_are_there_and_again_when_they_change() {
    let stage = Stage::of(LOOP, |_, _| {});
    stage.clock.sleep(Duration::from_millis(100)).await;
    assert_eq!(stage.file("log"), "", "nothing runs without values");
    stage.values.send_replace(environment("one"));
    stage.until("log", "one\n").await;
    // The same values again, and a change that is taken back at once, are no reasons.
    stage.values.send_replace(environment("one"));
    stage.clock.sleep(Duration::from_millis(150)).await;
    assert_eq!(stage.file("log"), "one\n");
    stage.values.send_replace(environment("between"));
    stage.values.send_replace(environment("two"));
    stage.until("log", "one\nstopped\ntwo\n").await;
    stage.orders.send(Order::Stop).await.unwrap();
    assert_eq!(stage.end().await, Ended::Stopped);
}

#[tokio::test]
async fn never_means_the_first_values_only() {
    let stage = Stage::of(LOOP, |exec, _| exec.restart_on_change = false);
    stage.values.send_replace(environment("one"));
    stage.until("log", "one\n").await;
    stage.values.send_replace(environment("two"));
    stage.clock.sleep(Duration::from_millis(300)).await;
    assert_eq!(stage.file("log"), "one\n");
    stage.orders.send(Order::Stop).await.unwrap();
    stage.end().await;
}

#[tokio::test]
async fn its_exit_code_and_its_fatal_signal_are_the_result() {
    let code = |script: &'static str| async move {
        let stage = Stage::of(script, |_, _| {});
        stage.values.send_replace(environment("x"));
        stage.end().await
    };
    assert_eq!(code("exit 0").await, Ended::ByItself(0));
    assert_eq!(code("exit 7").await, Ended::ByItself(7));
    assert_eq!(code("kill -9 $$").await, Ended::ByItself(137));
}

#[tokio::test]
async fn what_does_not_listen_is_killed() {
    let stubborn = "trap '' TERM; echo $$ > $DIR/pid; echo up > $DIR/log; while :; do sleep 0.02; done";
    let stage = Stage::of(stubborn, |_, _| {});
    stage.values.send_replace(environment("x"));
    stage.until("log", "up\n").await;
    let process = stage.file("pid");
    stage.orders.send(Order::Stop).await.unwrap();
    assert_eq!(stage.end().await, Ended::Stopped);
    let left = Path::new("/proc").join(process.trim());
    assert!(!left.exists(), "neither a process nor a zombie is left");
}

#[tokio::test]
async fn signals_reach_it_and_the_stop_signal_is_the_one_asked_for() {
    let script = "trap 'echo usr1 >> $DIR/log' USR1; trap 'echo int >> $DIR/log; exit 0' INT; \
                  echo up >> $DIR/log; while :; do sleep 0.02; done";
    let stage = Stage::of(script, |exec, _| exec.stop_signal = "SIGINT".into());
    stage.values.send_replace(environment("x"));
    stage.until("log", "up\n").await;
    stage.orders.send(Order::Pass(Signal::USR1)).await.unwrap();
    stage.until("log", "up\nusr1\n").await;
    stage.orders.send(Order::Stop).await.unwrap();
    stage.until("log", "up\nusr1\nint\n").await;
    assert_eq!(stage.end().await, Ended::Stopped);
}

#[tokio::test]
async fn output_is_appended_to_files() {
    let stage = Stage::of("echo out; echo err >&2", |exec, folder| {
        fs::write(folder.join("out"), "before\n").unwrap();
        exec.stdout = Some(folder.join("out"));
        exec.stderr = Some(folder.join("err"));
    });
    stage.values.send_replace(environment("x"));
    stage.until("out", "before\nout\n").await;
    stage.until("err", "err\n").await;
    assert_eq!(stage.end().await, Ended::ByItself(0));
}

#[tokio::test]
async fn stopping_before_the_start_starts_nothing() {
    let stage = Stage::of(LOOP, |_, _| {});
    stage.orders.send(Order::Stop).await.unwrap();
    assert_eq!(stage.end().await, Ended::Stopped);
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let stage = Stage::of("", |exec, _| {
        exec.command = vec!["/no/such/program".into(), "x".into()]
    });
    stage.values.send_replace(environment("x"));
    let error = stage.work.await.unwrap().unwrap_err().to_string();
    assert!(error.contains("/no/such/program"), "{error}");
}
