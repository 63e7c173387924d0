//! One run of a command: its client, its screen, and the person in front of it.

use std::io::Read;
use std::sync::Arc;

use arca_base::{Clock, Entropy, Secret};
use arca_client::{Client, ClientConfig, Network, Surroundings, Transport, variable};
use http::{HeaderName, HeaderValue};

use super::failure::{Failure, Situation};
use super::flags;
use super::globals::Globals;
use super::rehearsal::Rehearsal;
use super::token_helper::{HelperError, TokenHelper};
use crate::host::{Ask, Host, Input, Variables};
use crate::term::{Format, Screen};

/// Longest line a secret is read from.
const LONGEST_SECRET: u64 = 64 << 10;

/// Where the token of the client came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenOrigin {
    /// There is none.
    Nowhere,
    /// The request is a login and goes without.
    Withheld,
    Environment,
    Helper,
}

/// Everything a command works with.
pub(crate) struct Session {
    pub(crate) screen: Screen,
    pub(crate) globals: Globals,
    pub(crate) input: Input,
    pub(crate) clock: Arc<dyn Clock>,
    /// Name the program was called by.
    pub(crate) program: String,
    pub(crate) token_origin: TokenOrigin,
    variables: Variables,
    ask: Option<Ask>,
    transport: Option<Arc<dyn Transport>>,
    entropy: Arc<dyn Entropy>,
    rehearsal: Option<Arc<Rehearsal>>,
}

impl Session {
    pub(crate) fn new(host: Host, program: String) -> Self {
        Self {
            screen: Screen::new(host.output, host.errors),
            globals: Globals::default(),
            input: host.input,
            clock: host.clock,
            program,
            token_origin: TokenOrigin::Nowhere,
            variables: host.variables,
            ask: host.ask,
            transport: host.transport,
            entropy: host.entropy,
            rehearsal: None,
        }
    }

    /// Takes over what the flags and the environment say about output.
    pub(crate) fn configure(&mut self, globals: Globals) -> Result<(), Failure> {
        let named = globals.format.clone().or_else(|| self.setting("FORMAT"));
        let named = named.unwrap_or_default();
        self.screen.format = Format::parse(&named).ok_or_else(|| {
            Failure::local(format!(
                "Invalid output format: {named}. Use table, json, yaml, pretty or raw."
            ))
        })?;
        let quiet = self.setting("CLI_NO_COLOR").is_some() || self.variable("NO_COLOR").is_some();
        self.screen
            .allow_color(!quiet && self.screen.format == Format::Table);
        self.screen.field.clone_from(&globals.field);
        self.screen.detailed = globals.detailed
            || self
                .setting("DETAILED")
                .is_some_and(|text| flags::switch(&text) == Ok(true));
        if globals.output_curl_string || globals.output_policy {
            self.rehearsal = Some(Arc::default());
        }
        self.globals = globals;
        Ok(())
    }

    /// Randomness.
    pub(crate) fn entropy(&self) -> &dyn Entropy {
        &*self.entropy
    }

    /// Randomness for what works beside the command.
    pub(crate) fn shared_entropy(&self) -> Arc<dyn Entropy> {
        Arc::clone(&self.entropy)
    }

    /// A client that speaks with the user's token.
    pub(crate) fn client(&mut self) -> Result<Client, Failure> {
        let config = self.config()?;
        let client = self.build(&config, self.rehearsal.clone())?;
        let token = self.token_of(&config)?;
        Ok(client.with_token(token))
    }

    /// A client without token, for logins.
    pub(crate) fn anonymous_client(&mut self) -> Result<Client, Failure> {
        let config = self.config()?;
        self.token_origin = TokenOrigin::Withheld;
        Ok(self.build(&config, self.rehearsal.clone())?.with_token(None))
    }

    /// A client for questions on the way to the request the user asked for: always sent, never wrapped.
    pub(crate) fn scout(&mut self) -> Result<Client, Failure> {
        let config = self.config()?;
        let client = self.build(&config, None)?;
        let token = self.token_of(&config)?;
        Ok(client.with_token(token).with_wrap_ttl(None))
    }

    /// The user's token, from the environment or the helper.
    pub(crate) fn token(&mut self) -> Result<Option<Secret<String>>, Failure> {
        let config = self.config()?;
        self.token_of(&config)
    }

    /// Where the user's token is kept.
    pub(crate) fn token_helper(&self) -> Result<TokenHelper, Failure> {
        let address = self.config()?.address.to_string();
        TokenHelper::find(&self.variables, &address).map_err(helper_failure)
    }

    /// Where the server is.
    pub(crate) fn address(&self) -> Result<String, Failure> {
        Ok(self.config()?.address.to_string())
    }

    /// The namespace of every request, if it is not the topmost.
    pub(crate) fn namespace(&self) -> Result<Option<String>, Failure> {
        Ok(Some(self.config()?.namespace).filter(|namespace| !namespace.is_empty()))
    }

    /// The variable that hides the kept token, if one is set.
    pub(crate) fn token_variable(&self) -> Option<String> {
        let (name, value) = variable(&self.variables, "TOKEN")?;
        (!value.trim().is_empty()).then_some(name)
    }

    /// What hints depend on.
    pub(crate) fn situation(&self) -> Situation {
        Situation {
            program: self.program.clone(),
            token_origin: self.token_origin,
            address_is_chosen: self.config().is_ok_and(|config| config.address_is_chosen),
        }
    }

    /// What to print instead of an answer, when the request was only written down.
    pub(crate) fn rehearsed(&self) -> Option<String> {
        let rehearsal = self.rehearsal.as_ref()?;
        if self.globals.output_policy {
            rehearsal.policy()
        } else {
            rehearsal.curl(&self.program, &self.config().ok()?)
        }
    }

    /// Whether there is a person at the terminal who may be asked.
    pub(crate) fn is_interactive(&self) -> bool {
        self.ask.is_some() && !self.globals.non_interactive
    }

    /// Asks for a secret: the person at the terminal, or standard input. `instead` is what to do without either.
    pub(crate) fn ask_secret(&mut self, label: &str, instead: &str) -> Result<Secret<String>, Failure> {
        if self.globals.non_interactive {
            let message = format!("Refusing to ask for anything with -non-interactive: {instead}.");
            return Err(Failure::local(message));
        }
        let secret = match self.ask.as_mut() {
            Some(ask) => ask(&format!("{label} (will be hidden): ")),
            None => first_line(&mut self.input),
        };
        let secret =
            secret.map_err(|error| Failure::local(format!("Cannot read an answer ({error}): {instead}.")))?;
        let secret = Secret::new(secret.expose().trim().to_owned());
        if secret.expose().is_empty() {
            return Err(Failure::local(format!("Nothing was given: {instead}.")));
        }
        Ok(secret)
    }

    /// A setting of the environment under any of its prefixes.
    pub(crate) fn setting(&self, name: &str) -> Option<String> {
        let (_, value) = variable(&self.variables, name)?;
        (!value.is_empty()).then_some(value)
    }

    /// An environment variable that is set to something.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        (self.variables)(name).filter(|value| !value.is_empty())
    }

    fn config(&self) -> Result<ClientConfig, Failure> {
        let globals = &self.globals;
        let address = globals.agent_address.as_ref().or(globals.address.as_ref());
        let mut config = ClientConfig::from_env(|name| match name {
            // The first name looked up: the flag hides what the environment says, right or wrong.
            "ARCA_AGENT_ADDR" if address.is_some() => address.cloned(),
            name => (self.variables)(name),
        })?;
        let tls = &mut config.tls;
        replace(&mut tls.ca_cert, globals.ca_cert.as_ref());
        replace(&mut tls.ca_path, globals.ca_path.as_ref());
        replace(&mut tls.client_cert, globals.client_cert.as_ref());
        replace(&mut tls.client_key, globals.client_key.as_ref());
        replace(&mut tls.server_name, globals.tls_server_name.as_ref());
        tls.skip_verify |= globals.tls_skip_verify;
        config.disable_redirects |= globals.disable_redirects;
        if globals.ca_cert.is_none() && globals.ca_path.is_some() {
            // What the user types counts before what is set for every command.
            (config.tls.ca_cert, config.tls.ca_cert_bytes) = (None, None);
        }
        if let Some(namespace) = &globals.namespace {
            config.namespace.clone_from(namespace);
        }
        if let Some(ttl) = &globals.wrap_ttl {
            let length = flags::ttl(ttl).map_err(|error| Failure::local(format!("-wrap-ttl: {error}")))?;
            config.wrap_ttl = (!length.is_zero()).then(|| ttl.clone());
        }
        if !globals.mfa.is_empty() {
            config.mfa.clone_from(&globals.mfa);
        }
        // A person sees the first failure at once, unless they said otherwise.
        config.max_retries = Some(config.max_retries.unwrap_or(0));
        Ok(config)
    }

    fn build(&self, config: &ClientConfig, rehearsal: Option<Arc<Rehearsal>>) -> Result<Client, Failure> {
        let transport: Arc<dyn Transport> = match (rehearsal, &self.transport) {
            (Some(rehearsal), _) => rehearsal,
            (None, Some(transport)) => Arc::clone(transport),
            (None, None) => Arc::new(Network::new(&config.address, &config.tls, &config.proxies)?),
        };
        let surroundings = Surroundings {
            transport,
            clock: Arc::clone(&self.clock),
            entropy: Arc::clone(&self.entropy),
        };
        let mut client = Client::configured(config, surroundings);
        for (name, value) in extra_headers(&self.globals)? {
            client = client.with_header(name, value);
        }
        Ok(client)
    }

    fn token_of(&mut self, config: &ClientConfig) -> Result<Option<Secret<String>>, Failure> {
        if let Some(token) = &config.token {
            self.token_origin = TokenOrigin::Environment;
            return Ok(Some(token.duplicate()));
        }
        let kept = match TokenHelper::find(&self.variables, &config.address.to_string()) {
            // Without a home there is no kept token, and many requests need none.
            Err(HelperError::NoHome) => None,
            Err(error) => return Err(helper_failure(error)),
            Ok(helper) => helper.load().map_err(helper_failure)?,
        };
        if kept.is_some() {
            self.token_origin = TokenOrigin::Helper;
        }
        Ok(kept)
    }
}

fn replace<T: Clone>(setting: &mut Option<T>, flag: Option<&T>) {
    if let Some(flag) = flag {
        *setting = Some(flag.clone());
    }
}

fn helper_failure(error: HelperError) -> Failure {
    Failure::local(error.to_string())
}

fn extra_headers(globals: &Globals) -> Result<Vec<(HeaderName, HeaderValue)>, Failure> {
    let mut headers = Vec::new();
    for text in &globals.header {
        let (name, value) = flags::pair(text).map_err(|error| Failure::local(format!("-header: {error}")))?;
        if name.to_ascii_lowercase().starts_with("x-vault-") {
            let message = format!("-header {name}: headers that begin with X-Vault- have flags of their own");
            return Err(Failure::local(message));
        }
        let name: HeaderName = name
            .parse()
            .map_err(|_| Failure::local(format!("-header {name:?}: not the name of a header")))?;
        let value = HeaderValue::from_str(&value)
            .map_err(|_| Failure::local(format!("-header {name}: the value cannot be sent in a header")))?;
        headers.push((name, value));
    }
    if globals.policy_override {
        let name = HeaderName::from_static("x-vault-policy-override");
        headers.push((name, HeaderValue::from_static("true")));
    }
    Ok(headers)
}

fn first_line(input: &mut Input) -> std::io::Result<Secret<String>> {
    let mut bytes = Secret::new(Vec::new());
    let mut byte = [0_u8; 1];
    let mut reader = (&mut input.reader).take(LONGEST_SECRET);
    while reader.read(&mut byte)? == 1 && byte != *b"\n" {
        bytes.expose_mut().extend(byte);
    }
    let text = std::str::from_utf8(bytes.expose()).map_err(std::io::Error::other)?;
    Ok(Secret::new(text.to_owned()))
}
