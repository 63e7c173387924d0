//! Sockets in the file system.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;

use arca_server::config::{ListenAddress, Listener, UnixSocket};
use arca_server::server::{Options, Server};
use tokio::net::UnixStream;

use crate::client::Raw;
use crate::double::Double;
use crate::running::start;

fn listener(path: &Path, change: impl FnOnce(&mut UnixSocket)) -> Listener {
    let mut socket = UnixSocket {
        path: path.to_owned(),
        ..UnixSocket::default()
    };
    change(&mut socket);
    Listener::new(ListenAddress::Unix(socket))
}

async fn refused(listener: Listener) -> String {
    let clock = Arc::new(arca_server::SystemClock::new());
    match Server::bind(
        &[listener],
        Options::default(),
        Arc::new(Double::default()),
        clock,
    )
    .await
    {
        Err(error) => error.to_string(),
        Ok(_) => panic!("bound"),
    }
}

#[tokio::test]
async fn a_socket_serves_and_goes_with_its_server() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("arca.sock");
    let server = start(listener(&path, |socket| socket.mode = Some(0o600))).await;
    let found = std::fs::metadata(&path).unwrap();
    assert_eq!(found.permissions().mode() & 0o777, 0o600);
    let mut client = Raw::over(UnixStream::connect(&path).await.unwrap());
    let answer = client.ask("GET /v1/echo/a", "").await.json();
    assert_eq!(
        (answer["path"].as_str(), answer["address"].is_null()),
        (Some("echo/a"), true)
    );
    server.stop();
    server.ended().await;
    assert!(!path.exists());
}

#[tokio::test]
async fn what_another_server_left_is_removed_and_what_it_uses_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("arca.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "left behind");
    let server = start(listener(&path, |_| {})).await;
    assert!(UnixStream::connect(&path).await.is_ok());
    assert!(
        refused(listener(&path, |_| {}))
            .await
            .contains("another server answers there")
    );
    drop(server);

    let file = folder.path().join("data");
    std::fs::write(&file, "precious").unwrap();
    assert!(
        refused(listener(&file, |_| {}))
            .await
            .contains("cannot listen on")
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
}

#[tokio::test]
async fn owners_are_names_or_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("arca.sock");
    let message = refused(listener(&path, |socket| {
        socket.user = Some("nobody-has-this-name".to_owned())
    }))
    .await;
    assert!(
        message.contains("there is no user \"nobody-has-this-name\""),
        "{message}"
    );
    let message = refused(listener(&path, |socket| {
        socket.group = Some("nobody-has-this-name".to_owned())
    }))
    .await;
    assert!(message.contains("there is no group"), "{message}");
    let own = std::fs::metadata(folder.path()).unwrap();
    let server = start(listener(&path, |socket| {
        socket.user = Some(own.uid().to_string());
        socket.group = Some(own.gid().to_string());
    }))
    .await;
    let found = std::fs::metadata(&path).unwrap();
    assert_eq!((found.uid(), found.gid()), (own.uid(), own.gid()));
    drop(server);
}
