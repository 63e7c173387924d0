//! Elections, where a store has them, and the fences in batches.

use std::sync::Arc;
use std::time::Duration;

use super::{Place, Settings, checks, open, text, within};
use crate::{Batch, Election, Storage, StorageError, Term};

checks![
    without_an_election_every_term_is_refused,
    one_candidate_is_in_office,
    a_deposed_leader_can_do_nothing,
    a_term_that_is_not_renewed_ends,
    a_successor_waits_for_the_office,
];

async fn without_an_election_every_term_is_refused(place: Arc<dyn Place>) {
    let store = open(&*place).await;
    if store.election().is_none() {
        let refused = store.commit(Batch::new().put("a", "1").fenced_by(Term(0))).await;
        assert!(matches!(refused, Err(StorageError::Fenced)), "{refused:?}");
        assert_eq!(store.get("a").await.unwrap(), None);
    }
}

async fn fenced(store: &dyn Storage, term: Term, value: &str) -> Result<(), StorageError> {
    let batch = Batch::new().put("fenced", value.to_owned()).fenced_by(term);
    store.commit(batch).await.map(|_| ())
}

async fn is_fenced(store: &dyn Storage, term: Term) {
    let before = text(store, "fenced").await;
    let refused = fenced(store, term, "from a deposed leader").await;
    assert!(matches!(refused, Err(StorageError::Fenced)), "{refused:?}");
    assert_eq!(text(store, "fenced").await, before, "nothing was applied");
}

async fn elected(election: &dyn Election, candidate: &str) -> Term {
    within(
        Duration::from_secs(30),
        "a campaign for a free office",
        election.campaign(candidate),
    )
    .await
    .unwrap()
}

async fn one_candidate_is_in_office(place: Arc<dyn Place>) {
    let store = open(&*place).await;
    let Some(election) = store.election() else {
        return;
    };
    assert!(store.is_shared(), "there are others to be elected");
    assert_eq!(election.leader().await.unwrap(), None);
    assert_eq!(election.lease(), Settings::default().lease);
    let first = elected(&*election, "one").await;
    assert_eq!(election.leader().await.unwrap(), Some(("one".into(), first)));
    fenced(&*store, first, "1").await.unwrap();
    election.renew(first).await.unwrap();
    is_fenced(&*store, Term(first.0 + 1)).await;
    election.resign(first).await.unwrap();
    assert_eq!(election.leader().await.unwrap(), None);
    is_fenced(&*store, first).await;
}

async fn a_deposed_leader_can_do_nothing(place: Arc<dyn Place>) {
    let store = open(&*place).await;
    let Some(election) = store.election() else {
        return;
    };
    let first = elected(&*election, "one").await;
    election.resign(first).await.unwrap();
    let second = elected(&*election, "two").await;
    assert!(second > first, "a term grows with each new leader");
    let renewed = election.renew(first).await;
    assert!(matches!(renewed, Err(StorageError::Fenced)), "{renewed:?}");
    election.resign(first).await.unwrap();
    assert_eq!(
        election.leader().await.unwrap(),
        Some(("two".into(), second)),
        "a deposed leader cannot resign for its successor"
    );
    is_fenced(&*store, first).await;
    fenced(&*store, second, "2").await.unwrap();
    assert_eq!(text(&*store, "fenced").await.as_deref(), Some("2"));
}

async fn a_term_that_is_not_renewed_ends(place: Arc<dyn Place>) {
    let settings = Settings {
        lease: Duration::from_millis(600),
        ..Settings::default()
    };
    let store = place.open(settings).await;
    let Some(election) = store.election() else {
        return;
    };
    let first = elected(&*election, "one").await;
    let second = elected(&*election, "two").await;
    assert!(second > first);
    is_fenced(&*store, first).await;
    let renewed = election.renew(first).await;
    assert!(matches!(renewed, Err(StorageError::Fenced)), "{renewed:?}");
}

async fn a_successor_waits_for_the_office(place: Arc<dyn Place>) {
    let settings = Settings {
        lease: Duration::from_secs(3),
        ..Settings::default()
    };
    let store = place.open(settings).await;
    let Some(election) = store.election() else {
        return;
    };
    let other = place.open(settings).await;
    let first = elected(&*election, "one").await;
    let rival = other.election().expect("a node of the same store");
    let mut campaign = tokio::spawn(async move { rival.campaign("two").await });
    for _ in 0..6 {
        let waited = tokio::time::timeout(Duration::from_millis(700), &mut campaign).await;
        assert!(waited.is_err(), "elected beside a term that is renewed");
        election.renew(first).await.unwrap();
        fenced(&*store, first, "still here").await.unwrap();
    }
    election.resign(first).await.unwrap();
    let second = within(
        Duration::from_millis(2500),
        "the office was given up, which spares the wait for the lease",
        campaign,
    )
    .await
    .unwrap()
    .unwrap();
    assert!(second > first);
    is_fenced(&*store, first).await;
    fenced(&*other, second, "successor").await.unwrap();
}
