//! The PROXY header: whatever a peer begins with, no byte behind the header is lost.

use std::net::SocketAddr;
use std::time::Duration;

use fairlead_net::Stream;
use fairlead_net::proxy_protocol::{TrustedPeers, read};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Reads a header in one piece and byte by byte.
///
/// # Panics
/// When the two readings differ, or bytes behind the header do.
pub fn run(data: &[u8]) {
    let data = &data[..data.len().min(8 << 10)];
    let whole = read_in(data, data.len().max(1));
    assert_eq!(read_in(data, 1), whole, "bytes one by one mean something else");
    if let Some((_, _, rest)) = whole {
        assert!(data.ends_with(&rest), "bytes behind the header have changed");
    }
}

/// Who calls, whom, and what follows; `None` when the header is refused.
fn read_in(data: &[u8], piece: usize) -> Option<(SocketAddr, SocketAddr, Vec<u8>)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().ok()?;
    runtime.block_on(async {
        let (mut client, server) = tokio::io::duplex(piece);
        let stream = Stream::other(server, ([10, 0, 0, 1], 1).into(), ([10, 0, 0, 2], 2).into());
        let trusted = TrustedPeers { insecure: true, nets: Vec::new() };
        let reading = async move {
            let mut stream = read(stream, &trusted, Duration::from_secs(60)).await.ok()?;
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await.ok()?;
            Some((stream.peer(), stream.local(), rest))
        };
        let writing = async move {
            // Whoever refuses the header reads no further.
            let _ = client.write_all(data).await;
            drop(client);
        };
        let (read, ()) = tokio::join!(reading, writing);
        read
    })
}
