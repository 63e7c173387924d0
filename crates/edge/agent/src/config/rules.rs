//! What must hold between the blocks of a configuration.

use super::error::{ConfigError, Place};
use super::{AgentConfig, AutoAuth, OwnToken};

/// Where the blocks stand that rules are about.
#[derive(Default)]
pub(super) struct Places {
    pub(super) auto_auth: Option<Place>,
    pub(super) method: Option<Place>,
    pub(super) sinks: Vec<Place>,
    pub(super) template: Option<Place>,
    pub(super) env_template: Option<Place>,
    pub(super) exec: Option<Place>,
    pub(super) api_proxy: Option<Place>,
    pub(super) cache: Option<Place>,
    /// What `cache` says of the agent's own token.
    pub(super) cache_token: OwnToken,
}

fn at(place: Option<&Place>, message: &str) -> ConfigError {
    match place {
        Some(place) => ConfigError::At {
            place: place.clone(),
            message: message.to_owned(),
        },
        None => ConfigError::Whole(message.to_owned()),
    }
}

/// The first rule that does not hold.
pub(super) fn check(config: &mut AgentConfig, places: &Places) -> Result<(), ConfigError> {
    own_token(config, places)?;
    something_to_do(config, places)?;
    supervised(config, places)?;
    let Some(auto_auth) = &config.auto_auth else {
        return without_login(config, places);
    };
    let has_templates = !config.templates.is_empty() || !config.env_templates.is_empty();
    let uses_token = token_of(config) != OwnToken::Never;
    if auto_auth.sinks.is_empty() && !has_templates && !uses_token {
        let message = "auto_auth: nobody gets the token: add a sink, a template, or api_proxy { use_auto_auth_token = true }";
        return Err(at(places.auto_auth.as_ref(), message));
    }
    wrapped(auto_auth, places, has_templates, uses_token)
}

fn token_of(config: &AgentConfig) -> OwnToken {
    config
        .api_proxy
        .as_ref()
        .map_or(OwnToken::Never, |proxy| proxy.own_token)
}

/// `use_auto_auth_token` may stand in `cache`, its old place, and is then that of the proxy.
fn own_token(config: &mut AgentConfig, places: &Places) -> Result<(), ConfigError> {
    if places.cache_token == OwnToken::Never {
        return Ok(());
    }
    if token_of(config) != OwnToken::Never {
        let message = "cache.use_auto_auth_token: also stands in api_proxy: keep the one there";
        return Err(at(places.cache.as_ref(), message));
    }
    config.api_proxy.get_or_insert_default().own_token = places.cache_token;
    Ok(())
}

fn something_to_do(config: &AgentConfig, places: &Places) -> Result<(), ConfigError> {
    if config.auto_auth.is_none() && config.cache.is_none() && config.listeners.is_empty() {
        return Err(ConfigError::Whole(
            "the configuration asks for nothing: add auto_auth { ... } to log in, or listener \"tcp\" { ... }".to_owned(),
        ));
    }
    let has_listener = !config.listeners.is_empty();
    if places.api_proxy.is_some() && !has_listener {
        let message = "api_proxy: needs a listener: add listener \"tcp\" { address = \"127.0.0.1:8100\" tls_disable = true }";
        return Err(at(places.api_proxy.as_ref(), message));
    }
    let has_reader = has_listener || !config.templates.is_empty() || !config.env_templates.is_empty();
    if config.cache.is_some() && !has_reader {
        return Err(at(
            places.cache.as_ref(),
            "cache: nobody reads it: add a listener or a template",
        ));
    }
    Ok(())
}

fn supervised(config: &AgentConfig, places: &Places) -> Result<(), ConfigError> {
    match (config.env_templates.is_empty(), config.exec.is_none()) {
        (true, true) => return Ok(()),
        (true, false) => {
            return Err(at(
                places.exec.as_ref(),
                "exec: needs variables: add env_template \"NAME\" { ... }",
            ));
        }
        (false, true) => {
            let message = "env_template: needs the process that gets it: add exec { command = [...] }";
            return Err(at(places.env_template.as_ref(), message));
        }
        (false, false) => {}
    }
    if !config.templates.is_empty() {
        let message = "template: cannot stand beside env_template: run two agents, or render variables only";
        return Err(at(places.template.as_ref(), message));
    }
    if places.api_proxy.is_some() {
        let message = "api_proxy: cannot stand beside env_template: run two agents";
        return Err(at(places.api_proxy.as_ref(), message));
    }
    let mut names: Vec<&str> = config
        .env_templates
        .iter()
        .map(|template| template.name.as_str())
        .collect();
    names.sort_unstable();
    match names
        .windows(2)
        .find(|pair| matches!(pair, [one, other] if one == other))
    {
        Some([name, ..]) => {
            let message = format!("env_template: {name:?} stands there twice: remove one");
            Err(at(places.env_template.as_ref(), &message))
        }
        _ => Ok(()),
    }
}

fn without_login(config: &AgentConfig, places: &Places) -> Result<(), ConfigError> {
    let message = "needs a token: add auto_auth { ... }; method \"token_file\" takes one that is there";
    if !config.templates.is_empty() {
        return Err(at(places.template.as_ref(), &format!("template: {message}")));
    }
    if !config.env_templates.is_empty() {
        return Err(at(
            places.env_template.as_ref(),
            &format!("env_template: {message}"),
        ));
    }
    if token_of(config) != OwnToken::Never {
        let place = places.api_proxy.as_ref().or(places.cache.as_ref());
        return Err(at(place, &format!("use_auto_auth_token: {message}")));
    }
    Ok(())
}

fn wrapped(
    auto_auth: &AutoAuth,
    places: &Places,
    has_templates: bool,
    uses_token: bool,
) -> Result<(), ConfigError> {
    if auto_auth.method.wrap_ttl.is_none() {
        return Ok(());
    }
    let refused = |message: &str| {
        Err(at(
            places.method.as_ref(),
            &format!("auto_auth.method.wrap_ttl: {message}"),
        ))
    };
    if has_templates {
        return refused("templates need the token itself: remove wrap_ttl, or put it into the sink");
    }
    if uses_token {
        return refused("use_auto_auth_token needs the token itself: remove one of the two");
    }
    match auto_auth.sinks.as_slice() {
        [sink] if sink.wrap_ttl.is_none() => Ok(()),
        [_] => Err(at(
            places.sinks.first(),
            "auto_auth.sink.wrap_ttl: the method wraps the token already: remove one of the two",
        )),
        _ => refused("a wrapped token can be unwrapped once: keep exactly one sink"),
    }
}
