//! HTTP/2 by hand: one request of pseudo-headers in any order, number and spelling; or many whose
//! bodies nobody lets through.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
/// END_STREAM and END_HEADERS.
const WHOLE: u8 = 0x5;

/// What was understood of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// Frames of any kind, or the end of the connection.
    Frames,
    /// A head that begins with `:status: 200` in its indexed form.
    Status200,
}

/// Sends one head as literals that nothing compresses, and reads until the peer is silent.
pub async fn exchange(address: SocketAddr, head: &[(String, String)]) -> Vec<Said> {
    let bytes = [PREFACE, &frame(SETTINGS, 0, 0, &[]), &frame(HEADERS, WHOLE, 1, &block(head))].concat();
    let mut stream = TcpStream::connect(address).await.expect("Envoy listens");
    stream.write_all(&bytes).await.expect("Envoy reads");
    understood(&silence(&mut stream, 250).await)
}

/// Asks for a path on so many streams of one connection, none of which may bring a byte of a body. The
/// connection, and what was said by the heads.
pub async fn starve(address: SocketAddr, path: &str, streams: u32) -> (TcpStream, Vec<Said>) {
    // SETTINGS_INITIAL_WINDOW_SIZE.
    let mut bytes = [PREFACE, &frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0])].concat();
    let head = [(":method", "GET"), (":scheme", "http"), (":authority", "shop.test"), (":path", path)];
    let head = block(&head.map(|(name, value)| (name.to_owned(), value.to_owned())));
    for stream in 0..streams {
        bytes.extend(frame(HEADERS, WHOLE, 2 * stream + 1, &head));
    }
    let mut stream = TcpStream::connect(address).await.expect("Envoy listens");
    stream.write_all(&bytes).await.expect("Envoy reads");
    // A megabyte takes its time to be copied, on a busy machine.
    let said = understood(&silence(&mut stream, 1_000).await);
    (stream, said)
}

async fn silence(stream: &mut TcpStream, millis: u64) -> Vec<u8> {
    let (mut read, patience) = (Vec::new(), Duration::from_millis(millis));
    while let Ok(Ok(1..)) = tokio::time::timeout(patience, stream.read_buf(&mut read)).await {}
    read
}

fn block(head: &[(String, String)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in head {
        block.push(0);
        for text in [name, value] {
            block.extend_from_slice(&length(text.len()));
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

/// An HPACK string length of seven bits, without Huffman.
fn length(bytes: usize) -> Vec<u8> {
    if bytes < 127 {
        return vec![bytes as u8];
    }
    let mut rest = bytes - 127;
    let mut out = vec![127];
    while rest >= 128 {
        out.push((rest % 128) as u8 | 128);
        rest /= 128;
    }
    out.push(rest as u8);
    out
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

fn understood(mut bytes: &[u8]) -> Vec<Said> {
    let mut said = vec![Said::Frames];
    while let [a, b, c, kind, _, _, _, _, _, rest @ ..] = bytes {
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        let (payload, after) = rest.split_at(length.min(rest.len()));
        // Index 8 of the static table.
        if *kind == HEADERS && payload.first() == Some(&0x88) {
            said.push(Said::Status200);
        }
        bytes = after;
    }
    said
}
