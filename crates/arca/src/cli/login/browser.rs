//! Logging in through a browser (OpenID Connect): the server says where to go, the provider sends the browser back to
//! a port of this machine, and what it brings goes to the server.

use std::time::Duration;

use arca_api::Envelope;
use arca_base::id;
use arca_base::json::Object;
use arca_client::{Client, Request};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use url::Url;

use super::method::chosen_mount;
use super::text;
use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::term::wrap;

const PATH: &str = "/oidc/callback";

/// How long the person may take; the server forgets the login after the same time.
const PATIENCE: Duration = Duration::from_secs(300);

/// How long one connection may take to say what it wants.
const ONE_REQUEST: Duration = Duration::from_secs(10);

/// Longest head of a request read.
const LONGEST_HEAD: usize = 32 << 10;

/// What a provider sends the browser back with, as far as the server wants to know it.
const BROUGHT: [&str; 4] = ["state", "code", "error", "error_description"];

/// Where this program waits for the browser, and how the browser finds it.
struct Place {
    listen: String,
    port: String,
    redirect_uri: String,
}

impl Place {
    fn of(fields: &Object) -> Self {
        let or = |name: &str, otherwise: &str| text(fields, name).unwrap_or_else(|| otherwise.to_owned());
        let port = or("port", "8250");
        let redirect_uri = format!(
            "{}://{}:{}{PATH}",
            or("callbackmethod", "http"),
            or("callbackhost", "localhost"),
            or("callbackport", &port)
        );
        Self {
            listen: or("listenaddress", "localhost"),
            port,
            redirect_uri,
        }
    }

    async fn listen(&self) -> Result<TcpListener, Failure> {
        let address = format!("{}:{}", self.listen, self.port);
        TcpListener::bind(&address).await.map_err(|error| {
            Failure::local(format!(
                "Error authenticating: cannot wait for the browser at {address}: {error}. Choose another port with port=PORT"
            ))
        })
    }
}

pub(super) async fn log_in(mount: &str, fields: Object, session: &mut Session) -> Result<Envelope, Failure> {
    let (mount, fields) = chosen_mount(mount, fields);
    let place = Place::of(&fields);
    let listener = place.listen().await?;
    let client = session.anonymous_client()?;
    let client_nonce = id::base62(session.entropy(), 32);
    let role = text(&fields, "role").unwrap_or_default();
    let url = authorization_url(&client, &mount, &role, &place, &client_nonce).await?;
    session.screen.warn(&wrap(
        "Complete the login via your OIDC provider. Open this address in a browser on this machine:",
        0,
    ));
    session.screen.warn(&format!(
        "\n    {url}\n\nWaiting for OIDC authentication to complete..."
    ));
    let state = url.query_pairs().find(|(name, _)| name == "state");
    let state = state.map(|(_, value)| value.into_owned()).unwrap_or_default();
    let waited = tokio::time::timeout(PATIENCE, wait(listener, &state)).await;
    let (mut browser, brought) = waited.map_err(|_| {
        Failure::local("Error authenticating: the browser did not come back within five minutes")
    })??;
    let answer = finish(&client, &mount, &client_nonce, &brought).await;
    let page = match &answer {
        Ok(_) => "Signed in. You may close this window and go back to the command line.",
        Err(_) => "The login failed; the command line says why. You may close this window.",
    };
    respond(&mut browser, "200 OK", page).await;
    answer
}

async fn authorization_url(
    client: &Client,
    mount: &str,
    role: &str,
    place: &Place,
    client_nonce: &str,
) -> Result<Url, Failure> {
    let request = Object::from([
        ("role".to_owned(), role.into()),
        ("redirect_uri".to_owned(), place.redirect_uri.as_str().into()),
        ("client_nonce".to_owned(), client_nonce.into()),
    ]);
    let answer = client
        .write(&format!("auth/{mount}/oidc/auth_url"), &request)
        .await;
    let answer = answer.map_err(|error| Failure::remote("Error authenticating", error))?;
    let url = answer.and_then(|answer| answer.data?.get("auth_url")?.as_str().map(str::to_owned));
    let url = url.filter(|url| !url.is_empty()).ok_or_else(|| {
        Failure::absent(format!(
            "Error authenticating: Unable to authorize role {role:?} with redirect_uri {:?}. Check that the role lists it in \
             allowed_redirect_uris; the log of the server says more.",
            place.redirect_uri
        ))
    })?;
    Url::parse(&url).map_err(|_| Failure::absent("Error authenticating: the server names no usable address"))
}

type Brought = Vec<(String, String)>;

/// Waits for the browser. Browsers open connections to have them ready, and ask for icons; other pages may guess the
/// address, so only who brings the state of this login counts.
async fn wait(listener: TcpListener, state: &str) -> Result<(TcpStream, Brought), Failure> {
    let (found, mut callbacks) = mpsc::channel(1);
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted.map_err(|error| {
                    Failure::local(format!("Error authenticating: cannot wait for the browser: {error}"))
                })?;
                let (found, state) = (found.clone(), state.to_owned());
                tokio::spawn(async move {
                    if let Ok(Some(callback)) = tokio::time::timeout(ONE_REQUEST, receive(stream, &state)).await {
                        let _ = found.send(callback).await;
                    }
                });
            }
            Some(callback) = callbacks.recv() => return Ok(callback),
        }
    }
}

/// Reads one request, and answers it unless it is the one waited for.
async fn receive(mut stream: TcpStream, state: &str) -> Option<(TcpStream, Brought)> {
    let mut head = Vec::new();
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        if head.len() > LONGEST_HEAD || stream.read_buf(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    let brought = std::str::from_utf8(&head).ok().and_then(brought);
    let is_ours = |brought: &Brought| {
        brought
            .iter()
            .any(|(name, value)| name == "state" && value == state)
    };
    match brought.filter(is_ours) {
        Some(brought) => Some((stream, brought)),
        None => {
            respond(&mut stream, "404 Not Found", "There is nothing here.").await;
            None
        }
    }
}

/// What a request for the callback brings.
fn brought(head: &str) -> Option<Brought> {
    let target = head.strip_prefix("GET ")?.split(' ').next()?;
    let url = Url::parse("http://localhost").ok()?.join(target).ok()?;
    let wanted = |(name, value): (std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)| {
        let name = BROUGHT.into_iter().find(|known| *known == name)?;
        Some((name.to_owned(), value.into_owned()))
    };
    (url.path() == PATH).then(|| url.query_pairs().filter_map(wanted).collect())
}

async fn respond(stream: &mut TcpStream, status: &str, text: &str) {
    let page = format!("<!DOCTYPE html><meta charset=\"utf-8\"><title>Arca</title><p>{text}</p>\n");
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\
         Cache-Control: no-store\r\n\r\n{page}",
        page.len()
    );
    // A browser that has gone away misses a page, not the login.
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

async fn finish(
    client: &Client,
    mount: &str,
    client_nonce: &str,
    brought: &Brought,
) -> Result<Envelope, Failure> {
    let mut request = Request::read(&format!("auth/{mount}/oidc/callback"));
    for (name, value) in brought {
        request = request.with_query(name, value);
    }
    let answer = client
        .ask(&request.with_query("client_nonce", client_nonce))
        .await;
    let answer = answer.map_err(|error| Failure::remote("Error authenticating", error))?;
    answer.ok_or_else(|| Failure::absent("Error authenticating: the answer holds no token"))
}

#[cfg(test)]
mod tests {
    use arca_base::Json;

    use super::*;

    #[test]
    fn reads_what_a_browser_brings() {
        let found = brought(
            "GET /oidc/callback?state=st_1&code=a%2Bb&scope=openid HTTP/1.1\r\nHost: localhost\r\n\r\n",
        );
        let expected = [("state", "st_1"), ("code", "a+b")];
        let expected: Vec<_> = expected
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        assert_eq!(found, Some(expected));
        for other in [
            "GET /favicon.ico HTTP/1.1\r\n\r\n",
            "POST /oidc/callback?state=a HTTP/1.1\r\n\r\n",
            "GET /oidc/callback/more?state=a HTTP/1.1\r\n\r\n",
            "",
        ] {
            assert_eq!(brought(other), None, "{other}");
        }
    }

    #[test]
    fn the_browser_comes_back_to_where_one_says() {
        let place = |fields: &[(&str, &str)]| {
            let fields = fields
                .iter()
                .map(|(name, value)| ((*name).to_owned(), Json::from(*value)));
            let place = Place::of(&fields.collect());
            (format!("{}:{}", place.listen, place.port), place.redirect_uri)
        };
        let at = |listen: &str, redirect: &str| (listen.to_owned(), redirect.to_owned());
        assert_eq!(
            place(&[]),
            at("localhost:8250", "http://localhost:8250/oidc/callback")
        );
        assert_eq!(
            place(&[("port", "9000")]),
            at("localhost:9000", "http://localhost:9000/oidc/callback")
        );
        assert_eq!(
            place(&[
                ("listenaddress", "0.0.0.0"),
                ("callbackmethod", "https"),
                ("callbackhost", "dev.example.com"),
                ("callbackport", "443")
            ]),
            at("0.0.0.0:8250", "https://dev.example.com:443/oidc/callback")
        );
    }
}
