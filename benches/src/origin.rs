//! The application behind the proxy: the same answer to every request, as cheaply as can be,
//! since it shares its processor with the load generator.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::Failure;

const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{\"ok\":true}";

/// Serves on a thread of its own until the process ends.
pub fn start() -> Result<SocketAddr, Failure> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            let Ok(listener) = TcpListener::from_std(listener) else { return };
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(serve(connection));
            }
        });
    });
    Ok(address)
}

/// Requests without a body, one at a time: what the paths measured send.
async fn serve(mut connection: TcpStream) {
    let _ = connection.set_nodelay(true);
    let mut request = Vec::with_capacity(8 * 1024);
    while let Ok(1..) = connection.read_buf(&mut request).await {
        if request.ends_with(b"\r\n\r\n") {
            request.clear();
            if connection.write_all(ANSWER).await.is_err() {
                return;
            }
        }
    }
}
