//! A double of the server inside the process, and a run of the command against it.
//!
//! Answers are JSON files in `answers/`: a request line (`GET /v1/secret/data/app`) has one answer or a list of them,
//! the last of which stays. An answer is its body, or `{"status": 404, "body": {...}}`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Cursor, Write};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use arca::{Ask, Host, Input, Stream};
use arca_base::time::Sleep;
use arca_base::{Clock, Entropy, Secret, Timestamp};
use arca_client::{Transport, TransportError};
use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use parking_lot::Mutex;
use serde_json::Value;

const ADDRESS: &str = "http://127.0.0.1:8200";

/// Replays answers and writes requests down.
struct Double {
    answers: Mutex<BTreeMap<String, Vec<Value>>>,
    asked: Mutex<Vec<String>>,
    /// Instead of any answer.
    fault: Option<TransportError>,
}

impl Double {
    fn reading(name: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/it/answers/{name}.json"));
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let answers: BTreeMap<String, Value> = serde_json::from_str(&text).unwrap();
        let listed = |value| match value {
            Value::Array(answers) => answers,
            answer => vec![answer],
        };
        Self {
            answers: Mutex::new(
                answers
                    .into_iter()
                    .map(|(line, value)| (line, listed(value)))
                    .collect(),
            ),
            asked: Mutex::default(),
            fault: None,
        }
    }

    fn answer(&self, line: &str) -> Value {
        let mut answers = self.answers.lock();
        let Some(listed) = answers.get_mut(line) else {
            return serde_json::json!({"status": 418, "body": {"errors": ["the double has no answer"]}});
        };
        if listed.len() > 1 {
            listed.remove(0)
        } else {
            listed[0].clone()
        }
    }
}

#[async_trait]
impl Transport for Double {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let uri = request.uri();
        let target = uri.path_and_query().unwrap();
        let line = format!("{} {target}", request.method());
        self.asked.lock().push(shown(&line, &request));
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let answer = self.answer(&line);
        let status = answer.get("status").and_then(Value::as_u64).unwrap_or(200);
        let body = match answer.get("body") {
            None if status == 200 => answer.to_string(),
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(body) => body.to_string(),
        };
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = u16::try_from(status).unwrap().try_into().unwrap();
        Ok(response)
    }
}

/// A request as it stands in a transcript: its line, the headers that matter, its body.
fn shown(line: &str, request: &Request<Bytes>) -> String {
    let mut out = format!("> {line}");
    for (name, value) in request.headers() {
        let value = value.to_str().unwrap();
        let usual = matches!(
            (name.as_str(), value),
            ("x-vault-request", "true") | ("x-vault-token", "hvs.own") | ("content-type", "application/json")
        );
        if !usual {
            out.push_str(&format!("\n    {name}: {value}"));
        }
    }
    if !request.headers().contains_key("x-vault-token") {
        out.push_str("\n    (no token)");
    }
    if !request.body().is_empty() {
        out.push_str(&format!("\n    {}", std::str::from_utf8(request.body()).unwrap()));
    }
    out
}

/// Time that passes at once, except where a call waits for its answer.
struct Instant;

impl Clock for Instant {
    fn now(&self) -> Timestamp {
        Timestamp::EPOCH
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        if duration >= Duration::from_secs(60) {
            return Box::pin(std::future::pending());
        }
        Box::pin(std::future::ready(()))
    }
}

struct Zeros;

impl Entropy for Zeros {
    fn fill(&self, out: &mut [u8]) {
        out.fill(0);
    }
}

/// A buffer that outlives the command that writes into it.
#[derive(Clone, Default)]
struct Buffer(Rc<RefCell<Vec<u8>>>);

impl Buffer {
    fn text(&self) -> String {
        String::from_utf8(self.0.borrow().clone()).unwrap()
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A run of the command to be.
pub(crate) struct Run {
    line: String,
    arguments: Vec<String>,
    answers: String,
    variables: BTreeMap<String, String>,
    input: Vec<u8>,
    typed: Option<String>,
    is_terminal: bool,
    fault: Option<TransportError>,
    home: tempfile::TempDir,
}

/// What came of a run.
pub(crate) struct Outcome {
    pub(crate) exit: u8,
    pub(crate) output: String,
    pub(crate) errors: String,
    pub(crate) asked: Vec<String>,
    pub(crate) home: tempfile::TempDir,
    line: String,
}

impl Run {
    /// A run of a command line, split at spaces, against a file of answers.
    pub(crate) fn of(answers: &str, line: &str) -> Self {
        let arguments = line.split(' ').map(str::to_owned).collect();
        Self::with(answers, line, arguments)
    }

    /// A run with arguments that hold spaces.
    pub(crate) fn of_words(answers: &str, words: &[&str]) -> Self {
        let arguments = words.iter().map(|&word| word.to_owned()).collect();
        Self::with(answers, &words.join(" "), arguments)
    }

    fn with(answers: &str, line: &str, arguments: Vec<String>) -> Self {
        let variables = [("VAULT_ADDR", ADDRESS), ("VAULT_TOKEN", "hvs.own")];
        Self {
            line: line.to_owned(),
            arguments,
            answers: answers.to_owned(),
            variables: variables
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            input: Vec::new(),
            typed: None,
            is_terminal: false,
            fault: None,
            home: tempfile::tempdir().unwrap(),
        }
    }

    /// Sets an environment variable; empty removes it.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        if value.is_empty() {
            self.variables.remove(name);
        } else {
            self.variables.insert(name.to_owned(), value.to_owned());
        }
        self
    }

    /// Pipes text in.
    pub(crate) fn input(mut self, text: &str) -> Self {
        self.input = text.as_bytes().to_vec();
        self
    }

    /// Puts a person at the terminal, who types this when asked.
    pub(crate) fn typing(mut self, text: &str) -> Self {
        self.typed = Some(text.to_owned());
        self.is_terminal = true;
        self
    }

    /// Puts a person at the terminal.
    pub(crate) fn on_terminal(mut self) -> Self {
        self.is_terminal = true;
        self
    }

    /// Lets every request fail.
    pub(crate) fn failing(mut self, fault: TransportError) -> Self {
        self.fault = Some(fault);
        self
    }

    /// A file in the home folder of the run.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Runs in the home folder of a run before.
    pub(crate) fn at_home_of(mut self, before: Outcome) -> Self {
        self.home = before.home;
        self
    }

    pub(crate) fn go(self) -> Outcome {
        let (output, errors) = (Buffer::default(), Buffer::default());
        let double = Arc::new(Double {
            fault: self.fault,
            ..Double::reading(&self.answers)
        });
        let mut variables = self.variables;
        variables.insert("HOME".to_owned(), self.home.path().to_str().unwrap().to_owned());
        let mut prompts = errors.clone();
        let ask = self.typed.map(|typed| {
            Box::new(move |label: &str| {
                writeln!(prompts, "{label}").unwrap();
                Ok(Secret::new(typed.clone()))
            }) as Ask
        });
        let stream = |buffer: &Buffer| Stream {
            writer: Box::new(buffer.clone()),
            is_terminal: self.is_terminal,
        };
        let exit = arca::cli::run(Host {
            arguments: self.arguments.iter().map(Into::into).collect(),
            variables: Box::new(move |name| variables.get(name).cloned()),
            input: Input {
                reader: Box::new(Cursor::new(self.input)),
                is_terminal: self.is_terminal,
            },
            output: stream(&output),
            errors: stream(&errors),
            ask,
            transport: Some(double.clone()),
            clock: Arc::new(Instant),
            entropy: Arc::new(Zeros),
            columns: Some(100),
        });
        let asked = double.asked.lock().clone();
        Outcome {
            exit,
            output: output.text(),
            errors: errors.text(),
            asked,
            home: self.home,
            line: self.line,
        }
    }
}

impl Outcome {
    /// Everything there is to see, with the home folder made anonymous.
    pub(crate) fn transcript(&self) -> String {
        let mut out = format!("$ {}\n", self.line);
        for request in &self.asked {
            out.push_str(&format!("{request}\n"));
        }
        out.push_str(&format!("exit {}\n", self.exit));
        for (name, text) in [("stdout", &self.output), ("stderr", &self.errors)] {
            if !text.is_empty() {
                let end = if text.ends_with('\n') {
                    ""
                } else {
                    "(no line break)\n"
                };
                out.push_str(&format!("--- {name}\n{text}{end}"));
            }
        }
        out.replace(self.home.path().to_str().unwrap(), "~")
    }
}

/// Checks the transcripts of several runs, one after the other, in one snapshot.
#[macro_export]
macro_rules! transcripts {
    ($name:literal, $answers:literal, [$($line:literal),* $(,)?]) => {{
        let all: Vec<String> = [$($line),*]
            .iter()
            .map(|line| $crate::double::Run::of($answers, line).go().transcript())
            .collect();
        insta::assert_snapshot!($name, all.join("\n"));
    }};
}
