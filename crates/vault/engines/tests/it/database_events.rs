//! What subscribers are told of database users and their passwords.

use std::time::Duration;

use arca_core::events::{Message, Subscription};
use serde_json::{Value, json};

use crate::database_rotation::with_static_role;

/// Type, data path and whole text of the next event.
async fn told(stream: &mut Subscription) -> (String, String, String) {
    loop {
        let next = tokio::time::timeout(Duration::from_secs(10), stream.next());
        match next.await.expect("an event").expect("a stream that goes on") {
            Message::Event { kind, body, .. } => {
                let text = String::from_utf8(body.to_vec()).unwrap();
                let event: Value = serde_json::from_str(&text).unwrap();
                let path = &event["data"]["event"]["metadata"]["data_path"];
                return (kind, path.as_str().unwrap().to_owned(), text);
            }
            Message::Ready { .. } | Message::Beat { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_and_changes_of_passwords_are_told_without_any_password() {
    let estate = with_static_role(json!({"rotation_period": "1h"})).await;
    let _ = estate.role("app", json!({})).await.expect(204);
    let root = estate.vault.root.clone();
    let reply = estate.vault.reply_as(&root, "sys/events/subscribe/*").await;
    let mut stream = reply.stream.unwrap().take().unwrap();

    let user = estate.credentials("app").await;
    let (kind, path, text) = told(&mut stream).await;
    assert_eq!((&*kind, &*path), ("database/creds-create", "database/creds/app"));
    assert!(
        !text.contains(&user.password) && !text.contains(&user.name),
        "{text}"
    );

    let _ = estate
        .vault
        .write("database/rotate-role/svc", json!({}))
        .await
        .expect(204);
    let (kind, path, text) = told(&mut stream).await;
    assert_eq!((&*kind, &*path), ("database/rotate", "database/static-creds/svc"));
    let password = estate.vault.read("database/static-creds/svc").await.expect(200);
    assert!(
        !text.contains(password.data("password").as_str().unwrap()),
        "{text}"
    );

    let _ = estate.revoke(&user.lease).await.expect(204);
    let (kind, path, _) = told(&mut stream).await;
    assert_eq!((&*kind, &*path), ("lease/revoke", &*user.lease));

    let _ = estate
        .vault
        .write("database/rotate-root/pg", json!({}))
        .await
        .expect(204);
    let (kind, path, _) = told(&mut stream).await;
    assert_eq!((&*kind, &*path), ("database/root-rotate", "database/config/pg"));
}
