//! What a person reads in the log when something goes wrong: one line for each fault, without any secret.

use std::cell::RefCell;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::json;

use crate::world::{World, until};

thread_local! {
    /// Everything that is logged on this thread, where a test wants it: each test has a thread of its own.
    static LOGGED: RefCell<Option<Log>> = const { RefCell::new(None) };
}

#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

/// Writes to the log of this thread. There is one subscriber for all threads: what a thread without any has found
/// to be disabled would stay so.
struct OfThread;

impl io::Write for OfThread {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOGGED.with_borrow(|log| {
            if let Some(Log(written)) = log {
                written.lock().extend_from_slice(bytes);
            }
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    pub(crate) fn start() -> Self {
        static ONCE: std::sync::Once = std::sync::Once::new();
        ONCE.call_once(|| {
            tracing_subscriber::fmt()
                .with_writer(|| OfThread)
                .with_ansi(false)
                .without_time()
                .with_target(false)
                .init();
        });
        let log = Self::default();
        LOGGED.set(Some(log.clone()));
        log
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().clone()).unwrap();
        text.lines().map(|line| line.trim().to_owned()).collect()
    }

    /// The one line that begins so.
    pub(crate) fn line(&self, beginning: &str) -> String {
        let lines = self.lines();
        let found = lines.iter().find(|line| line.starts_with(beginning));
        found.unwrap_or_else(|| panic!("{beginning}: {lines:#?}")).clone()
    }
}

#[tokio::test]
async fn a_life_with_faults() {
    let log = Log::start();
    let world = World::with_user(json!({})).await;
    world.file("password", "wrong-canary");
    let agent = world.user();
    until(|| !agent.error().is_empty()).await;
    let line =
        log.line("WARN cannot log in with userpass: PUT http://localhost/v1/auth/userpass/login/ann: 400: ");
    let advice = "(check the mount \"auth/userpass\", its role and its bound claims; the server's audit log has the reason); trying again in 1";
    assert!(line.contains(advice), "{line}");
    world.file("password", "correct");
    world
        .pass_until(Duration::from_secs(1), || agent.generation() == 1)
        .await;
    assert_eq!(
        log.line("INFO logged in"),
        "INFO logged in with userpass: the token lasts 3600s"
    );
    world.line.instead.lock().push_back((403, None));
    world
        .pass_until(Duration::from_mins(1), || agent.error().contains("403"))
        .await;
    assert_eq!(
        log.line("WARN the token cannot be renewed"),
        "WARN the token cannot be renewed: PUT http://localhost/v1/auth/token/renew-self: 403: a double says no; \
         it stays in force until a new login"
    );
    let line = log.line("INFO the token ends in ");
    assert!(
        line.contains("s and cannot be extended: logging in again in "),
        "{line}"
    );
    let accessor = agent.held().unwrap().accessor.clone();
    let _ = world
        .vault
        .write("auth/token/revoke-accessor", json!({"accessor": accessor}))
        .await
        .expect(204);
    agent.rejections.report(1);
    world
        .pass_until(Duration::from_secs(1), || agent.generation() == 2)
        .await;
    log.line("WARN the server no longer takes the token: logging in again");
    let text = log.lines().join("\n");
    assert!(!text.contains("canary") && !text.contains("correct"), "{text}");
    assert!(!text.contains(agent.held().unwrap().token.expose()), "{text}");
}
