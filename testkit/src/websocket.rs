//! A WebSocket server that sends every message back.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;

use crate::peer::Peer;

/// Echoes text and binary messages on any path.
pub struct WebSocketEcho(Peer);

impl WebSocketEcho {
    /// Starts it.
    #[expect(clippy::new_without_default, reason = "it starts a server")]
    #[must_use]
    pub fn new() -> WebSocketEcho {
        WebSocketEcho(Peer::start(echo))
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.0.addr
    }

    /// `http://` and its address, as a gateway's configuration names it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.0.addr)
    }

    /// Connections accepted so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.0.connections()
    }
}

async fn echo(stream: TcpStream) {
    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
    while let Some(Ok(message)) = socket.next().await {
        if (message.is_text() || message.is_binary()) && socket.send(message).await.is_err() {
            return;
        }
    }
}
