//! Templates beside a server in the process of the test, with time in the hands of the test.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arca_agent::board::{Board, TemplateState};
use arca_agent::config::{AgentConfig, Strictness};
use arca_agent::secrets::Secrets;
use arca_agent::server::Connect as _;
use arca_agent::supervise::EnvironmentFeed;
use arca_agent::template::{Around, Progress, Rehearsal, Templates};
use arca_agent::token::HeldToken;
use arca_base::{Clock, Secret};
use arca_testkit::SeededEntropy;
use serde_json::json;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::world::{World, breathe, until};

const MINUTE: Duration = Duration::from_mins(1);

/// Templates at work.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) board: Board,
    pub(crate) secrets: Secrets,
    pub(crate) progress: watch::Receiver<Progress>,
    environment: EnvironmentFeed,
    reload: Arc<Notify>,
    _token: watch::Sender<Option<Arc<HeldToken>>>,
}

/// A server with a versioned `secret/` that holds `app`.
pub(crate) async fn world() -> World {
    let world = World::with("").await;
    let mount = json!({"type": "kv", "options": {"version": "2"}});
    let _ = world.vault.write("sys/mounts/secret", mount).await.expect(204);
    put(&world, "app", json!({"password": "one"})).await;
    world
}

pub(crate) async fn put(world: &World, name: &str, data: serde_json::Value) {
    let path = format!("secret/data/{name}");
    let _ = world.vault.write(&path, json!({"data": data})).await.expect(200);
}

/// A configuration text without what every agent has; `@` stands for the folder of the test.
fn parsed(world: &World, text: &str) -> AgentConfig {
    let login = "auto_auth { method \"token_file\" { config { token_file_path = \"/unused\" } } }\n";
    let text = format!("{login}{text}").replace('@', world.folder.path().to_str().unwrap());
    AgentConfig::parse(text.as_bytes(), "test", &|_| None, Strictness::Strict).unwrap()
}

fn templates(world: World, text: &str) -> (Stage, Templates) {
    let clock = world.vault.server.clock.clone();
    templates_by(world, text, clock)
}

/// The same with another clock than that of the server.
fn templates_by(world: World, text: &str, clock: Arc<dyn Clock>) -> (Stage, Templates) {
    let config = parsed(&world, text);
    let held = HeldToken {
        token: Secret::new(world.vault.root.clone()),
        accessor: None,
        since: clock.now(),
        lease: None,
        generation: 1,
    };
    let (token, feed) = watch::channel(Some(Arc::new(held)));
    let (secrets, broker) = Secrets::new(
        world.connect().connect(None).unwrap(),
        feed,
        &config.server,
        &config.template_settings,
        clock.clone(),
        SeededEntropy::new(5),
    );
    tokio::spawn(broker.run(CancellationToken::new()));
    let (board, reload) = (Board::default(), Arc::new(Notify::new()));
    let around = Around {
        secrets: secrets.clone(),
        board: board.clone(),
        clock,
        entropy: SeededEntropy::new(6),
        exit_on_failure: config.template_settings.exit_on_retry_failure,
        reload: reload.clone(),
    };
    let templates = Templates::new(config.templates, config.env_templates, around).unwrap();
    let stage = Stage {
        progress: templates.progress(),
        environment: templates.environment(),
        world,
        board,
        secrets,
        reload,
        _token: token,
    };
    (stage, templates)
}

pub(crate) fn start(world: World, text: &str) -> Stage {
    let clock = world.vault.server.clock.clone();
    start_by(world, text, clock)
}

pub(crate) fn start_by(world: World, text: &str, clock: Arc<dyn Clock>) -> Stage {
    let (stage, templates) = templates_by(world, text, clock);
    tokio::spawn(templates.run(CancellationToken::new()));
    stage
}

impl Stage {
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.world.path(name)).unwrap_or_default()
    }

    pub(crate) async fn until_file(&self, name: &str, text: &str) {
        until(|| self.read(name) == text).await;
    }

    pub(crate) fn state(&self, number: usize) -> TemplateState {
        self.board.report().templates[&number].clone()
    }

    pub(crate) fn trouble(&self, number: usize) -> String {
        self.state(number)
            .error
            .map(|trouble| trouble.message)
            .unwrap_or_default()
    }

    /// A value changes, and the change stream says so.
    pub(crate) async fn change(&self, password: &str) {
        put(&self.world, "app", json!({"password": password})).await;
        self.secrets.changed_at("secret/data/app");
    }
}

/// The template that prints the password of `app` into this file.
pub(crate) fn password(file: &str, more: &str) -> String {
    format!(
        "template {{\n destination = \"@/{file}\"\n {more}\n \
         contents = \"{{{{ with secret \\\"secret/app\\\" }}}}{{{{ .Data.data.password }}}}{{{{ end }}}}\"\n}}\n"
    )
}

#[tokio::test]
async fn a_file_follows_its_secret() {
    let stage = start(world().await, &password("out", ""));
    stage.until_file("out", "one").await;
    until(|| stage.progress.borrow().is_done()).await;
    stage.change("two").await;
    stage.until_file("out", "two").await;
    let state = stage.state(0);
    assert_eq!(state.changes, 2);
    assert!(
        state.rendered.is_some() && state.error.is_none() && state.next.is_some(),
        "{state:?}"
    );
}

#[tokio::test]
async fn without_a_stream_a_change_is_found_after_the_interval() {
    let stage = start(world().await, &password("out", ""));
    stage.until_file("out", "one").await;
    put(&stage.world, "app", json!({"password": "two"})).await;
    stage.world.pass(MINUTE).await;
    assert_eq!(stage.read("out"), "one");
    let passed = stage
        .world
        .pass_until(MINUTE, || stage.read("out") == "two")
        .await;
    assert!(passed <= 5 * MINUTE, "{passed:?}");
}

#[tokio::test]
async fn one_template_that_waits_delays_no_other() {
    let world = world().await;
    let missing = password("missing", "").replace("secret/app", "secret/later");
    let stage = start(world, &format!("{missing}{}", password("out", "")));
    stage.until_file("out", "one").await;
    until(|| !stage.trouble(0).is_empty()).await;
    assert!(
        stage.trouble(0).contains("no secret exists at"),
        "{}",
        stage.trouble(0)
    );
    assert!(!stage.progress.borrow().is_complete && !stage.board.report().is_ready());
    put(&stage.world, "later", json!({"password": "late"})).await;
    stage
        .world
        .pass_until(MINUTE, || stage.read("missing") == "late")
        .await;
    until(|| stage.progress.borrow().is_complete && stage.trouble(0).is_empty()).await;
}

#[tokio::test]
async fn a_template_that_fails_keeps_its_last_file_and_says_where() {
    let text = "template {\n destination = \"@/out\"\n error_on_missing_key = true\n contents = <<EOT\n\
                {{ with secret \"secret/app\" }}{{ .Data.data.password }}{{ if eq .Data.data.password \"canary\" }}\
                {{ .Data.data.nothing }}{{ end }}{{ end }}\nEOT\n}\n";
    let stage = start(world().await, text);
    stage.until_file("out", "one\n").await;
    stage.change("canary").await;
    until(|| !stage.trouble(0).is_empty()).await;
    let trouble = stage.trouble(0);
    assert!(
        trouble.contains("nothing") && trouble.contains(":1:"),
        "{trouble}"
    );
    assert!(!trouble.contains("canary"), "{trouble}");
    assert_eq!(stage.read("out"), "one\n");
    stage.change("three").await;
    stage.until_file("out", "three\n").await;
    until(|| stage.trouble(0).is_empty()).await;
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_tried_again() {
    let world = world().await;
    fs::create_dir(world.path("out")).unwrap();
    let stage = start(world, &password("out", ""));
    until(|| !stage.trouble(0).is_empty()).await;
    assert!(
        stage.trouble(0).contains("a folder is there already"),
        "{}",
        stage.trouble(0)
    );
    fs::remove_dir(stage.world.path("out")).unwrap();
    stage.world.pass(2 * MINUTE).await;
    stage.until_file("out", "one").await;
    until(|| stage.trouble(0).is_empty()).await;
}

#[tokio::test]
async fn a_file_has_its_mode_its_folder_and_its_former_content() {
    let stage = start(
        world().await,
        &password("deep/er/out", "perms = \"0600\"\n backup = true"),
    );
    stage.until_file("deep/er/out", "one").await;
    let mode = |name: &str| fs::metadata(stage.world.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("deep/er/out"), 0o600);
    stage.change("two").await;
    stage.until_file("deep/er/out", "two").await;
    assert_eq!(stage.read("deep/er/out.bak"), "one");
    assert_eq!(fs::read_dir(stage.world.path("deep/er")).unwrap().count(), 2);
    assert_eq!(mode("deep/er/out"), 0o600);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_always_sees_a_whole_version() {
    let long = |letter: &str| letter.repeat(200_000);
    let world = world().await;
    put(&world, "app", json!({"password": long("0")})).await;
    let stage = start(world, &password("out", ""));
    stage.until_file("out", &long("0")).await;
    let done = Arc::new(AtomicBool::new(false));
    let (path, ended) = (stage.world.path("out"), done.clone());
    let reader = std::thread::spawn(move || {
        let mut seen = std::collections::BTreeSet::new();
        while !ended.load(Ordering::SeqCst) {
            let text = fs::read(&path).expect("the file is always there");
            assert_eq!(text.len(), 200_000);
            assert!(text.iter().all(|byte| *byte == text[0]), "half written");
            seen.insert(text[0]);
        }
        seen.len()
    });
    for digit in 1..10 {
        stage.change(&long(&digit.to_string())).await;
        stage.until_file("out", &long(&digit.to_string())).await;
    }
    done.store(true, Ordering::SeqCst);
    assert!(reader.join().unwrap() > 1);
}

#[tokio::test]
async fn commands_run_once_for_each_change_and_never_stop_a_template() {
    let count = "exec { command = [\"sh\", \"-c\", \"echo x >> @/count\"] }";
    let fails = "exec { command = \"exit 3\" }";
    let hangs = "exec { command = [\"sleep\", \"1000\"] timeout = \"5s\" }";
    let text = [
        password("a", count),
        password("b", count),
        password("c", fails),
        password("d", hangs),
    ];
    let stage = start(world().await, &text.concat());
    for file in ["a", "b", "c", "d"] {
        stage.until_file(file, "one").await;
    }
    stage.until_file("count", "x\n").await;
    stage.change("two").await;
    stage.until_file("d", "two").await;
    assert!(!stage.progress.borrow().is_done(), "the first sleep still runs");
    for _ in 0..20 {
        stage.world.pass(Duration::from_secs(6)).await;
        for _ in 0..20 {
            breathe().await;
        }
        if stage.progress.borrow().is_done() {
            break;
        }
    }
    assert!(stage.progress.borrow().is_done());
    assert_eq!(stage.read("count"), "x\nx\n");
}

#[tokio::test]
async fn a_template_waits_until_its_secrets_are_quiet() {
    let stage = start(
        world().await,
        &password("out", "wait { min = \"10s\" max = \"25s\" }"),
    );
    stage.until_file("out", "one").await;
    let seconds = Duration::from_secs;
    for (change, wait) in [("two", 8), ("three", 8), ("four", 5)] {
        stage.change(change).await;
        stage.world.pass(Duration::ZERO).await;
        stage.world.pass(seconds(wait)).await;
        assert_eq!(stage.read("out"), "one");
    }
    stage.world.pass(seconds(6)).await;
    stage.until_file("out", "four").await;
}

#[tokio::test]
async fn variables_appear_together() {
    let text = "exec { command = [\"true\"] }\n\
                env_template \"PASSWORD\" { contents = \"{{ with secret \\\"secret/app\\\" }}{{ .Data.data.password }}{{ end }}\" }\n\
                env_template \"LATER\" { contents = \"{{ with secret \\\"secret/later\\\" }}{{ .Data.data.x }}{{ end }}\" }\n";
    let stage = start(world().await, text);
    until(|| stage.state(0).rendered.is_some()).await;
    assert!(stage.environment.borrow().is_none());
    put(&stage.world, "later", json!({"x": "y"})).await;
    stage.secrets.changed_at("secret/data/later");
    until(|| stage.environment.borrow().is_some()).await;
    let environment = stage.environment.borrow().clone().unwrap();
    let pairs: Vec<_> = environment
        .iter()
        .map(|(name, value)| (name, value.expose().as_str()))
        .collect();
    assert_eq!(pairs, [("LATER", "y"), ("PASSWORD", "one")]);
}

#[tokio::test]
async fn templates_in_files_are_read_again_on_request() {
    let world = world().await;
    let source = world.file(
        "source",
        "{{ with secret \"secret/app\" }}a={{ .Data.data.password }}{{ end }}",
    );
    let text = "template { destination = \"@/out\" source = \"@/source\" }\n";
    let stage = start(world, text);
    stage.until_file("out", "a=one").await;
    fs::write(&source, "{{ with").unwrap();
    stage.reload.notify_one();
    stage.world.pass(Duration::ZERO).await;
    assert_eq!(stage.read("out"), "a=one");
    fs::write(
        &source,
        "{{ with secret \"secret/app\" }}b={{ .Data.data.password }}{{ end }}",
    )
    .unwrap();
    stage.reload.notify_one();
    stage.until_file("out", "b=one").await;
}

#[tokio::test]
async fn what_nobody_can_fetch_ends_the_agent_that_asks_for_that() {
    let text = format!(
        "template_config {{ exit_on_retry_failure = true }}\nvault {{ retry {{ num_retries = 2 }} }}\n{}",
        password("out", "").replace("secret/app", "secret/none")
    );
    let stage = start(world().await, &text);
    stage
        .world
        .pass_until(Duration::from_secs(5), || {
            stage.progress.borrow().failed.is_some()
        })
        .await;
    let failed = stage.progress.borrow().failed.clone().unwrap();
    assert!(failed.contains("no secret exists at"), "{failed}");
}

#[tokio::test]
async fn a_rehearsal_says_what_would_be_and_writes_nothing() {
    let missing = password("missing", "").replace("secret/app", "secret/later");
    let (stage, templates) = templates(world().await, &format!("{}{missing}", password("out", "")));
    let found = templates.rehearse(MINUTE).await;
    let [out, missing]: [Rehearsal; 2] = found.try_into().unwrap();
    assert_eq!((out.bytes, out.changes, &out.error), (Some(3), Some(true), &None));
    assert_eq!(out.needs.values().next(), Some(&None));
    assert!(missing.bytes.is_none() && missing.error.unwrap().contains("no secret exists at"));
    assert!(!stage.world.path("out").exists());
}

#[tokio::test]
async fn the_library_is_there_and_can_be_denied() {
    let template = |more: &str, name: &str| {
        format!(
            "template {{\n destination = \"@/{name}\"\n {more}\n contents = \"{{{{ with secret \\\"secret/app\\\" \
             }}}}{{{{ .Data.data.password | sprig_upper | sprig_quote }}}}{{{{ end }}}}\"\n}}\n"
        )
    };
    let text = template("", "out") + &template("function_denylist = [\"sprig_u*\"]", "denied");
    let stage = start(world().await, &text);
    stage.until_file("out", "\"ONE\"").await;
    until(|| !stage.trouble(1).is_empty()).await;
    assert!(
        stage.trouble(1).contains("function_denylist"),
        "{}",
        stage.trouble(1)
    );
}
