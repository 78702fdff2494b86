//! Redis's own protocol (RESP 2), as far as a front and an assertion need it.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A reply.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    Simple(String),
    Error(String),
    Integer(i64),
    Bulk(String),
    Array(Vec<Value>),
    Nil,
}

/// One connection.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    /// Sends a command and reads its reply.
    pub fn run(&mut self, words: &[&str]) -> io::Result<Value> {
        self.stream.write_all(&command(words))?;
        loop {
            if let Some((value, length)) = parse(&self.buffer)? {
                self.buffer.drain(..length);
                return Ok(value);
            }
            let mut chunk = [0; 16 * 1024];
            match self.stream.read(&mut chunk)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                length => self.buffer.extend_from_slice(&chunk[..length]),
            }
        }
    }
}

impl Value {
    /// The text of a simple or bulk string.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Simple(text) | Self::Bulk(text) => Some(text),
            _ => None,
        }
    }

    pub fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The texts of an array.
    pub fn texts(&self) -> Vec<&str> {
        match self {
            Self::Array(values) => values.iter().filter_map(Value::text).collect(),
            _ => Vec::new(),
        }
    }
}

/// A command's bytes.
pub(super) fn command(words: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
    }
    bytes
}

/// Reads one reply off the front; `None` when more bytes are needed.
pub(super) fn parse(bytes: &[u8]) -> io::Result<Option<(Value, usize)>> {
    let Some(end) = bytes.windows(2).position(|pair| pair == b"\r\n") else { return Ok(None) };
    let line = text(&bytes[..end])?;
    let (kind, rest) = line.split_at_checked(1).ok_or(io::ErrorKind::InvalidData)?;
    let after = end + 2;
    let number = || rest.parse::<i64>().map_err(|_| io::Error::from(io::ErrorKind::InvalidData));
    let value = match kind {
        "+" => Value::Simple(rest.to_owned()),
        "-" => Value::Error(rest.to_owned()),
        ":" => Value::Integer(number()?),
        "$" | "*" if number()? < 0 => Value::Nil,
        "$" => {
            let length = number()? as usize;
            let Some(bulk) = bytes.get(after..after + length + 2) else { return Ok(None) };
            return Ok(Some((Value::Bulk(text(&bulk[..length])?), after + length + 2)));
        }
        "*" => {
            let (mut values, mut at) = (Vec::new(), after);
            for _ in 0..number()? {
                let Some((value, length)) = parse(&bytes[at..])? else { return Ok(None) };
                values.push(value);
                at += length;
            }
            return Ok(Some((Value::Array(values), at)));
        }
        _ => return Err(io::ErrorKind::InvalidData.into()),
    };
    Ok(Some((value, after)))
}

fn text(bytes: &[u8]) -> io::Result<String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_read_however_they_are_cut() {
        let bytes = b"*5\r\n$2\r\nab\r\n:-7\r\n$-1\r\n*1\r\n+OK\r\n-ERR no\r\n";
        let whole = Value::Array(vec![
            Value::Bulk("ab".to_owned()),
            Value::Integer(-7),
            Value::Nil,
            Value::Array(vec![Value::Simple("OK".to_owned())]),
            Value::Error("ERR no".to_owned()),
        ]);
        for cut in 0..bytes.len() {
            assert_eq!(parse(&bytes[..cut]).unwrap(), None, "{cut}");
        }
        assert_eq!(parse(bytes).unwrap(), Some((whole, bytes.len())));
        assert!(parse(b"?\r\n").is_err());
        assert_eq!(command(&["GET", ""]), b"*2\r\n$3\r\nGET\r\n$0\r\n\r\n");
    }
}
