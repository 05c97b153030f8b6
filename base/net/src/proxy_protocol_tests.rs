use tokio::io::AsyncWriteExt;

use super::*;

const SOON: Duration = Duration::from_secs(20);
const REST: &[u8] = b"GET / HTTP/1.1\r\n\r\n";

fn at(address: &str) -> SocketAddr {
    address.parse().unwrap()
}

fn trust(net: &str) -> TrustedPeers {
    TrustedPeers { insecure: false, nets: vec![net.parse().unwrap()] }
}

/// A pipe from 10.0.0.1 to 10.0.0.2.
fn pipe() -> (tokio::io::DuplexStream, Stream) {
    let (client, server) = tokio::io::duplex(64 * 1024);
    (client, Stream::other(server, at("10.0.0.1:1000"), at("10.0.0.2:80")))
}

/// Sends `first`, lets the reader see it, then sends `second` and closes.
async fn through(
    first: &[u8],
    second: &[u8],
    trusted: &TrustedPeers,
) -> Result<(Stream, Vec<u8>), ProxyError> {
    let (mut client, server) = pipe();
    client.write_all(first).await.unwrap();
    let mut reading = Box::pin(read(server, trusted, SOON));
    // One poll consumes what is there, so that the reader meets the header in two pieces.
    let early = futures_util::poll!(reading.as_mut());
    client.write_all(second).await.unwrap();
    drop(client);
    let mut stream = match early {
        std::task::Poll::Ready(done) => done?,
        std::task::Poll::Pending => reading.await?,
    };
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await?;
    Ok((stream, rest))
}

fn headers() -> Vec<(Vec<u8>, Option<Addresses>)> {
    let v4 = (at("1.2.3.4:5678"), at("5.6.7.8:443"));
    let v6 = (at("[2001:db8::1]:5678"), at("[2001:db8::2]:443"));
    let mut local = encode(Version::V2, v4.0, v4.1);
    local[12] = 0x20;
    let mut udp = encode(Version::V2, v4.0, v4.1);
    udp[13] = 0x12;
    let unix = [v2::PROTOCOL_PREFIX, &[0x21, 0x31, 0, 216], &[b'x'; 216]].concat();
    let unspecified = [v2::PROTOCOL_PREFIX, &[0x21, 0x00, 0, 0]].concat();
    let mut with_tlv = encode(Version::V2, v4.0, v4.1);
    with_tlv.extend([0x04, 0, 3, 1, 2, 3]);
    with_tlv[15] += 6;
    vec![
        (encode(Version::V1, v4.0, v4.1), Some(v4)),
        (encode(Version::V1, v6.0, v6.1), Some(v6)),
        (encode(Version::V2, v4.0, v4.1), Some(v4)),
        (encode(Version::V2, v6.0, v6.1), Some(v6)),
        (encode(Version::V1, v4.0, v6.1), Some((v4.0, v6.1))),
        (encode(Version::V2, v6.0, v4.1), Some((v6.0, v4.1))),
        (b"PROXY UNKNOWN\r\n".to_vec(), None),
        (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n".to_vec(), None),
        (with_tlv, Some(v4)),
        (local, None),
        (udp, None),
        (unix, None),
        (unspecified, None),
    ]
}

#[tokio::test]
async fn every_header_is_read_at_every_split() {
    for (header, addresses) in headers() {
        let all = [&header, REST].concat();
        for split in 0..=all.len() {
            let (first, second) = all.split_at(split);
            let (stream, rest) = through(first, second, &trust("10.0.0.0/8")).await.unwrap();
            let expected = addresses.unwrap_or((at("10.0.0.1:1000"), at("10.0.0.2:80")));
            assert_eq!((stream.peer(), stream.local()), expected, "{header:?} at {split}");
            assert_eq!(rest, REST, "{header:?} at {split}");
        }
    }
}

#[tokio::test]
async fn an_untrusted_header_is_consumed_and_not_believed() {
    for (header, _) in headers() {
        let (stream, rest) = through(&header, REST, &trust("192.168.0.0/16")).await.unwrap();
        assert_eq!((stream.peer(), rest.as_slice()), (at("10.0.0.1:1000"), REST));
    }
    let everybody = TrustedPeers { insecure: true, nets: Vec::new() };
    let (header, addresses) = headers().remove(0);
    assert_eq!(through(&header, REST, &everybody).await.unwrap().0.peer(), addresses.unwrap().0);
}

#[tokio::test]
async fn without_a_header_nothing_is_lost() {
    for plain in [REST, b"P", b"PROX", b"PRO\x16", b"\r\n\r\n", b"\r\n\r\n\0\r\nQUIT", b"", b"\x16\x03\x01"] {
        for split in 0..=plain.len() {
            let (first, second) = plain.split_at(split);
            let (stream, rest) = through(first, second, &trust("10.0.0.0/8")).await.unwrap();
            assert_eq!((stream.peer(), rest.as_slice()), (at("10.0.0.1:1000"), plain));
        }
    }
}

#[tokio::test]
async fn garbage_after_the_prefix_is_refused() {
    let v2 = |rest: &[u8]| [v2::PROTOCOL_PREFIX, rest].concat();
    for garbage in [
        b"PROXY TCP4 1.2.3.4 5.6.7.8 99999 1\r\n".to_vec(),
        b"PROXY TCP4 1.2.3.4\r\n".to_vec(),
        b"PROXY TCP4 ::1 ::2 1 2\r\n".to_vec(),
        b"PROXY TCP9 1.2.3.4 5.6.7.8 1 2\r\n".to_vec(),
        b"PROXY \xff\xfe\r\n".to_vec(),
        [V1_PREFIX, &[b'x'; 200]].concat(),
        v2(&[0x11, 0x11, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        v2(&[0x2f, 0x11, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        v2(&[0x21, 0xf1, 0, 0]),
        v2(&[0x21, 0x11, 0, 4, 1, 2, 3, 4]),
        v2(&[0x21, 0x11, 0xff, 0xff]),
    ] {
        let error = through(&garbage, b"", &trust("10.0.0.0/8")).await.unwrap_err();
        assert!(matches!(error, ProxyError::Malformed(_)), "{garbage:?}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn silence_is_no_header_but_half_a_header_is_an_error() {
    let (_client, server) = pipe();
    assert!(read(server, &trust("10.0.0.0/8"), HEADER_TIMEOUT).await.is_ok());
    let (mut client, server) = pipe();
    client.write_all(b"PROXY TCP4 ").await.unwrap();
    let error = read(server, &trust("10.0.0.0/8"), HEADER_TIMEOUT).await.unwrap_err();
    assert!(matches!(error, ProxyError::Timeout));
}

/// Every single flipped bit gives a header, no header or an error: never a panic, never a byte lost.
#[test]
fn flipped_bits_are_survived() {
    for (header, _) in headers() {
        for bit in 0..header.len() * 8 {
            let mut flipped = header.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if let Ok(Scan::Header { len, .. }) = scan(&flipped) {
                assert!(len <= flipped.len());
            }
        }
    }
}

#[test]
fn mapped_addresses_are_trusted_as_ipv4() {
    assert!(trust("10.0.0.0/8").trusts("::ffff:10.1.2.3".parse().unwrap()));
    assert!(!trust("10.0.0.0/8").trusts("::ffff:11.1.2.3".parse().unwrap()));
}
