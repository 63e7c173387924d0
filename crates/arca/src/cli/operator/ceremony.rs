//! What several holders of shares do together: one begins, each gives a share, anybody looks how far it is, and it may
//! be given up.

use std::marker::PhantomData;

use arca_api::endpoint::{Endpoint, Nothing};
use arca_api::sys::ceremony::GiveShare;
use arca_client::Client;
use serde::de::DeserializeOwned;

use super::share;
use crate::cli::failure::{DONE, Failure, Outcome};
use crate::cli::session::Session;

/// Shares given to a server, and how far that is.
pub(super) trait Sharing {
    /// How far it is.
    type Status: DeserializeOwned;
    /// What a share is answered with.
    type Answer: DeserializeOwned;
    type Read: Endpoint<Request = Nothing>;
    type Give: Endpoint<Request = GiveShare>;
    const TEXTS: SharingTexts;

    /// Identifies what is in progress.
    fn nonce(status: &Self::Status) -> &str;

    /// Whether there is anything to give a share for.
    fn is_open(status: &Self::Status) -> bool;

    fn show(session: &mut Session, status: &Self::Status) -> Outcome;

    /// Shows what a share led to; `before` is how far it was until then.
    fn show_answer(session: &mut Session, answer: &Self::Answer, before: &Self::Status) -> Outcome;
}

/// A sharing that somebody begins and may give up.
pub(super) trait Ceremony: Sharing {
    type Begin: Endpoint;
    type End: Endpoint;
    const BOUNDS: BoundTexts;
}

/// What is said while shares are given.
pub(super) struct SharingTexts {
    /// What a share is called that is asked for.
    pub(super) label: &'static str,
    /// Nothing is in progress.
    pub(super) closed: &'static str,
    pub(super) unread: &'static str,
    pub(super) ungiven: &'static str,
}

/// What is said at the beginning and the end.
pub(super) struct BoundTexts {
    pub(super) unbegun: &'static str,
    pub(super) unended: &'static str,
    pub(super) ended: &'static str,
}

/// The steps of a ceremony, each one request.
pub(super) struct Steps<C>(PhantomData<C>);

/// A share as the command line gives it.
pub(super) struct Argument {
    pub(super) key: Option<String>,
    pub(super) nonce: Option<String>,
}

impl<C: Sharing> Steps<C> {
    pub(super) async fn read(client: &Client) -> Result<C::Status, Failure> {
        let status = client.call_bare::<C::Read, _>("sys", &Nothing).await;
        status.map_err(|error| Failure::remote(C::TEXTS.unread, error))
    }

    pub(super) async fn show(session: &mut Session) -> Outcome {
        let status = Self::read(&session.anonymous_client()?).await?;
        C::show(session, &status)
    }

    pub(super) async fn give(session: &mut Session, argument: Argument) -> Outcome {
        let status = Self::read(&session.scout()?).await?;
        if !C::is_open(&status) {
            return Err(Failure::local(C::TEXTS.closed));
        }
        let Argument { key, nonce } = argument;
        let given = share::read(session, key, nonce, C::nonce(&status), C::TEXTS.label)?;
        let request = GiveShare {
            key: given.key.expose().clone(),
            nonce: given.nonce,
        };
        let client = session.anonymous_client()?;
        let answer = client.call_bare::<C::Give, _>("sys", &request).await;
        let answer = answer.map_err(|error| Failure::remote(C::TEXTS.ungiven, error))?;
        C::show_answer(session, &answer, &status)
    }
}

impl<C: Ceremony> Steps<C> {
    pub(super) async fn begin(
        session: &mut Session,
        request: &<C::Begin as Endpoint>::Request,
    ) -> Result<C::Status, Failure> {
        let client = session.anonymous_client()?;
        let status = client.call_bare::<C::Begin, _>("sys", request).await;
        status.map_err(|error| Failure::remote(C::BOUNDS.unbegun, error))
    }

    pub(super) async fn end(session: &mut Session, request: &<C::End as Endpoint>::Request) -> Outcome {
        let client = session.anonymous_client()?;
        let answer = client.call::<C::End>("sys", request).await;
        answer.map_err(|error| Failure::remote(C::BOUNDS.unended, error))?;
        session.screen.success(C::BOUNDS.ended);
        Ok(DONE)
    }
}
