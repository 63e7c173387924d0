//! The ways to log in.

use arca_api::Envelope;
use arca_base::json::Object;
use arca_base::{Json, Secret};
use arca_client::login;

use super::{browser, text};
use crate::cli::failure::Failure;
use crate::cli::session::Session;

/// A way to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    /// With a token one already has.
    Token,
    /// With a name and a password, at `login/<name>`.
    Password,
    /// With the fields of the method, at `login`.
    Fields,
    /// Through a browser.
    Browser,
}

/// Known methods: name, way, and the fields people give.
pub(super) const METHODS: &[(&str, Method, &str)] = &[
    ("token", Method::Token, ""),
    ("userpass", Method::Password, "username=ann"),
    ("ldap", Method::Password, "username=ann"),
    ("radius", Method::Password, "username=ann"),
    ("okta", Method::Password, "username=ann"),
    ("approle", Method::Fields, "role_id=... secret_id=@secret-id"),
    (
        "kubernetes",
        Method::Fields,
        "role=app jwt=@/var/run/secrets/kubernetes.io/serviceaccount/token",
    ),
    ("jwt", Method::Fields, "role=app jwt=@token"),
    ("oidc", Method::Browser, "role=person"),
    ("cert", Method::Fields, "name=app"),
    ("aws", Method::Fields, "role=app iam_http_request_method=POST ..."),
    ("gcp", Method::Fields, "role=app jwt=@token"),
    ("azure", Method::Fields, "role=app jwt=@token"),
    ("github", Method::Fields, "token=@github-token"),
];

impl Method {
    pub(super) fn named(name: &str) -> Option<Self> {
        let known = METHODS.iter().find(|(known, ..)| *known == name)?;
        Some(known.1)
    }

    /// Logs in at the mount. Asks for what is missing and must not be typed where others see it.
    pub(super) async fn log_in(
        self,
        mount: &str,
        fields: Object,
        session: &mut Session,
    ) -> Result<Envelope, Failure> {
        match self {
            Self::Token => with_token(&fields, session).await,
            Self::Password => with_password(mount, fields, session).await,
            Self::Browser => Box::pin(browser::log_in(mount, fields, session)).await,
            Self::Fields => {
                let (mount, fields) = chosen_mount(mount, fields);
                let client = session.anonymous_client()?;
                let answer = login::at(&client, &format!("{mount}/login"), &fields).await;
                answer.map_err(|error| Failure::remote("Error authenticating", error))
            }
        }
    }

    /// How to log in with this method, at a path of its own or at that of its name.
    pub(super) fn help(self, name: &str, path: Option<&str>, program: &str) -> String {
        let fields = METHODS
            .iter()
            .find(|(known, ..)| *known == name)
            .map_or("", |known| known.2);
        let example = match self {
            Self::Token => format!("{program} login"),
            _ => {
                let path = path.map(|path| format!("-path={path} ")).unwrap_or_default();
                format!("{program} login -method={name} {path}{fields}")
            }
        };
        let what = match self {
            Self::Token => {
                "You are asked for the token. \"lookup=false\" keeps it without asking the server about it."
            }
            Self::Password => "You are asked for the password, unless it is given as password=.",
            Self::Browser => {
                "You are shown an address to open in a browser, which comes back to port 8250 of this machine; change that \
                 with port=, listenaddress=, callbackhost=, callbackport= and callbackmethod=."
            }
            Self::Fields => {
                "The fields are sent to the method as they are; key=@file takes a value from a file."
            }
        };
        format!(
            "Log in with {name}:\n\n    $ {example}\n\n{what}\nWhere the method is enabled elsewhere, add -path=PATH."
        )
    }
}

/// Old scripts name the mount as a field.
pub(super) fn chosen_mount(mount: &str, mut fields: Object) -> (String, Object) {
    let field = fields
        .remove("mount")
        .and_then(|value| value.as_str().map(str::to_owned));
    let mount = field
        .filter(|mount| !mount.is_empty())
        .unwrap_or_else(|| mount.to_owned());
    (mount.trim_matches('/').to_owned(), fields)
}

async fn with_token(fields: &Object, session: &mut Session) -> Result<Envelope, Failure> {
    let token = match text(fields, "token") {
        Some(token) => Secret::new(token.trim().to_owned()),
        None => session.ask_secret("Token", "give the token as an argument, or pipe it in")?,
    };
    if text(fields, "lookup").as_deref() == Some("false") {
        return Ok(login::token::unverified(&token));
    }
    let client = session.anonymous_client()?;
    let answer = login::token::with(&client, token).await;
    answer.map_err(|error| Failure::remote("Error authenticating: error looking up token", error))
}

async fn with_password(mount: &str, fields: Object, session: &mut Session) -> Result<Envelope, Failure> {
    let (mount, mut fields) = chosen_mount(mount, fields);
    let name = text(&fields, "username");
    let name = name.ok_or_else(|| Failure::local("Error authenticating: name the user as username=NAME"))?;
    fields.remove("username");
    if text(&fields, "password").is_none() {
        let password = session.ask_secret("Password", "give the password as password=-, and pipe it in")?;
        fields.insert("password".to_owned(), Json::from(password.expose().as_str()));
    }
    let client = session.anonymous_client()?;
    let answer = login::at(&client, &format!("{mount}/login/{name}"), &fields).await;
    answer.map_err(|error| Failure::remote("Error authenticating", error))
}
