//! A small HTTP server that answers what the test says, and remembers what it was asked; and with it a double of
//! the API server of a cluster.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What was asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Method and path, `GET /version`.
    pub(crate) line: String,
    /// The bearer token; empty without one.
    pub(crate) bearer: String,
    pub(crate) body: Value,
    pub(crate) text: String,
}

/// What is answered.
pub(crate) enum Reply {
    Json(u16, Value),
    Text(u16, String),
    /// Nothing, for this long.
    Late(Duration),
    /// It is elsewhere.
    Moved(String),
}

impl Reply {
    /// The same once more.
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::Json(status, body) => Self::Json(*status, body.clone()),
            Self::Text(status, body) => Self::Text(*status, body.clone()),
            Self::Late(time) => Self::Late(*time),
            Self::Moved(to) => Self::Moved(to.clone()),
        }
    }
}

/// The double. It ends when dropped.
pub(crate) struct ApiServer {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    task: JoinHandle<()>,
}

impl ApiServer {
    /// A double that answers with `answer`, and like a healthy cluster where that says nothing.
    pub(crate) async fn start(answer: impl Fn(&Asked) -> Option<Reply> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (seen, answer) = (asked.clone(), Arc::new(answer));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, answer) = (seen.clone(), answer.clone());
                tokio::spawn(async move {
                    let Some((stream, request)) = read(stream).await else {
                        return;
                    };
                    seen.lock().push(request.clone());
                    let reply = answer(&request).unwrap_or_else(|| healthy(&request));
                    write(stream, reply).await;
                });
            }
        });
        Self { url, asked, task }
    }

    /// A double of a healthy cluster.
    pub(crate) async fn healthy() -> Self {
        Self::start(|_| None).await
    }

    /// What was asked since the last time.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.asked.lock())
    }

    /// The reviews that were asked for since the last time.
    pub(crate) fn reviews(&self) -> Vec<Asked> {
        let asked = self.asked();
        asked
            .into_iter()
            .filter(|asked| asked.line.ends_with("/tokenreviews"))
            .collect()
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn read(stream: TcpStream) -> Option<(TcpStream, Asked)> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    let (mut bearer, mut length) = (String::new(), 0);
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).await.ok()?;
        let Some((name, value)) = header.trim().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => value.trim_start_matches("Bearer ").clone_into(&mut bearer),
            "content-length" => length = value.parse().ok()?,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let line = line.rsplit_once(' ')?.0.to_owned();
    let text = String::from_utf8_lossy(&body).into_owned();
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let asked = Asked {
        line,
        bearer,
        body,
        text,
    };
    Some((stream.into_inner(), asked))
}

async fn write(mut stream: TcpStream, reply: Reply) {
    let mut more = String::new();
    let (status, body) = match reply {
        Reply::Json(status, body) => (status, body.to_string()),
        Reply::Text(status, body) => (status, body),
        Reply::Moved(to) => {
            more = format!("Location: {to}\r\n");
            (302, String::new())
        }
        Reply::Late(time) => {
            let _ = tokio::time::timeout(time, std::future::pending::<()>()).await;
            return;
        }
    };
    let head = format!(
        "HTTP/1.1 {status} -\r\nContent-Type: application/json\r\n{more}Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(body.as_bytes()).await;
}

/// What a cluster says in which every token is good.
pub(crate) fn healthy(asked: &Asked) -> Reply {
    match asked.line.as_str() {
        "GET /version" => Reply::Json(200, json!({"gitVersion": "v1.36.3"})),
        "POST /apis/authentication.k8s.io/v1/tokenreviews" => Reply::Json(201, reviewed(asked)),
        "GET /api/v1/namespaces/production" => {
            Reply::Json(200, json!({"metadata": {"labels": {"team": "payments"}}}))
        }
        line => {
            let message = format!("the double knows nothing of {line}");
            Reply::Json(404, json!({"kind": "Status", "message": message}))
        }
    }
}

/// The review of a token that is what it says.
pub(crate) fn reviewed(asked: &Asked) -> Value {
    let claims = claims_of(asked.body["spec"]["token"].as_str().unwrap());
    let bound = &claims["kubernetes.io"];
    let username = format!(
        "system:serviceaccount:{}:{}",
        bound["namespace"].as_str().unwrap(),
        bound["serviceaccount"]["name"].as_str().unwrap()
    );
    json!({"kind": "TokenReview", "status": {
        "authenticated": true,
        "audiences": asked.body["spec"]["audiences"],
        "user": {"username": username, "uid": bound["serviceaccount"]["uid"], "groups": ["system:authenticated"]},
    }})
}

fn claims_of(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// Claims of the pod `payments-api-0` in `production`, for the audience `vault`, good from `now` for an hour.
pub(crate) fn claims(now: i64) -> Value {
    json!({
        "iss": "https://kubernetes.default.svc",
        "aud": ["vault"],
        "iat": now, "nbf": now, "exp": now + 3600,
        "sub": "system:serviceaccount:production:payments-api",
        "kubernetes.io": {
            "namespace": "production",
            "serviceaccount": {"name": "payments-api", "uid": "5e1f"},
            "pod": {"name": "payments-api-0", "uid": "9d0c"},
            "node": {"name": "node-1", "uid": "77aa"},
        },
    })
}

/// A token with these claims, and a signature of nobody.
pub(crate) fn token(claims: &Value) -> String {
    token_signed_with("RS256", claims)
}

/// A token that says it is signed like this.
pub(crate) fn token_signed_with(algorithm: &str, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!(
        "{}.{}.c2ln",
        part(&json!({"alg": algorithm, "kid": "k1"})),
        part(claims)
    )
}
