//! The seal a configuration names.

use std::sync::Arc;
use std::time::Duration;

use arca_client::{Address, Client, Network, Proxies, Surroundings, TlsOptions};
use arca_core::seal::Seal;
use arca_core::seal::static_key::{NamedKey, StaticSeal};
use arca_core::seal::transit::TransitSeal;
use arca_server::config::{Seal as Configured, StaticKey, Transit};

use super::{ServeError, World};

/// How long to wait before renewing the token of a transit seal again after that failed.
const RENEWAL_PAUSE: Duration = Duration::from_secs(30);

pub(super) fn build(configured: &Configured, world: &World) -> Result<Seal, ServeError> {
    match configured {
        Configured::Shamir => Ok(Seal::Shamir),
        Configured::Static(keys) => {
            let current = named(&keys.current, world)?;
            let previous = keys.previous.as_ref().map(|key| named(key, world)).transpose()?;
            Ok(Seal::Automatic(Arc::new(StaticSeal::new(
                current,
                previous,
                world.entropy.clone(),
            ))))
        }
        Configured::Transit(transit) => {
            let seal = Arc::new(connect(transit, world)?);
            tokio::spawn(keep_token(seal.clone(), world.clone()));
            Ok(Seal::Automatic(seal))
        }
    }
}

fn named(key: &StaticKey, world: &World) -> Result<NamedKey, ServeError> {
    let material = key.source.read(&world.environment)?;
    NamedKey::new(&key.id, &material).map_err(|error| ServeError::Seal(error.to_string()))
}

fn connect(transit: &Transit, world: &World) -> Result<TransitSeal, ServeError> {
    let wrong = |error: arca_client::ConfigError| ServeError::Seal(error.to_string());
    let address = Address::parse(&transit.address).map_err(wrong)?;
    let tls = TlsOptions {
        ca_cert: transit.ca_file.clone(),
        client_cert: transit.client_certificate.clone(),
        client_key: transit.client_key.clone(),
        server_name: transit.server_name.clone(),
        skip_verify: transit.skip_verify,
        ..TlsOptions::default()
    };
    let network = Network::new(&address, &tls, &Proxies::default()).map_err(wrong)?;
    let surroundings = Surroundings {
        transport: Arc::new(network),
        clock: world.clock.clone(),
        entropy: world.entropy.clone(),
    };
    let client = Client::new(address, surroundings)
        .with_token(transit.token.as_ref().map(arca_base::Secret::duplicate))
        .with_namespace(transit.namespace.as_deref().unwrap_or_default());
    Ok(TransitSeal::new(
        client,
        transit.mount_path.clone(),
        transit.key_name.clone(),
    ))
}

/// Renews the token of a transit seal for as long as it can be renewed.
async fn keep_token(seal: Arc<TransitSeal>, world: World) {
    loop {
        let pause = match seal.renew_token().await {
            Ok(Some(pause)) => pause,
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(%error, "the token of the transit seal was not renewed");
                RENEWAL_PAUSE
            }
        };
        world.clock.sleep(pause).await;
    }
}
