//! Responses that have no end of their own: whoever closes them does so in the normal course.
//!
//! What was bought by a WebSocket's handshake is the open socket, and by a request for events that
//! they begin. Were these delivered at their end, as a download is, a client that closes them would
//! be owed them again each time.

/// What is known of when a response is delivered: at its end, or once it has begun.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Endless {
    tunnels: bool,
    kind: Kind,
    has_bytes: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// It has an end.
    Content,
    /// It switches protocols: with its head everything is said.
    Tunnel,
    /// `text/event-stream`: it begins with its first byte.
    Events,
}

// === impl Endless ===

impl Endless {
    /// Nothing was seen yet of the response to a request of this method.
    pub fn new(method: &str) -> Self {
        Self { tunnels: method == "CONNECT", kind: Kind::Content, has_bytes: false }
    }

    /// Looks at a response's head. Envoy shows an extended CONNECT of HTTP/2 as an upgrade, and
    /// its 2xx as a 101.
    pub fn see(&mut self, status: Option<u16>, fields: &[(impl AsRef<str>, impl AsRef<[u8]>)]) {
        let mut types = fields.iter().filter(|(name, _)| name.as_ref() == "content-type");
        let mut has_events = || types.any(|(_, value)| names_events(value.as_ref()));
        self.kind = match status {
            Some(101) => Kind::Tunnel,
            Some(200..=299) if self.tunnels => Kind::Tunnel,
            _ if has_events() => Kind::Events,
            _ => Kind::Content,
        };
    }

    /// Bytes of its body came.
    pub fn flow(&mut self) {
        self.has_bytes = true;
    }

    /// Whether it is delivered as soon as it is let go.
    pub fn has_begun(self) -> bool {
        match self.kind {
            Kind::Content => false,
            Kind::Tunnel => true,
            Kind::Events => self.has_bytes,
        }
    }
}

fn names_events(content_type: &[u8]) -> bool {
    let kind = content_type.split(|byte| *byte == b';').next().unwrap_or_default();
    kind.trim_ascii().eq_ignore_ascii_case(b"text/event-stream")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun(method: &str, status: u16, content_type: &str) -> [bool; 2] {
        let mut endless = Endless::new(method);
        endless.see(Some(status), &[("content-type", content_type.as_bytes())]);
        let at_its_head = endless.has_begun();
        endless.flow();
        [at_its_head, endless.has_begun()]
    }

    #[test]
    fn a_socket_begins_with_its_head_and_events_with_their_first_byte() {
        for (method, status, content_type, expected) in [
            ("GET", 101, "", [true, true]),
            ("GET", 200, "text/event-stream", [false, true]),
            ("POST", 200, "Text/Event-Stream ; charset=utf-8", [false, true]),
            ("GET", 200, "text/event-streams", [false, false]),
            ("GET", 200, "text/plain; text/event-stream", [false, false]),
            ("GET", 200, "", [false, false]),
            ("CONNECT", 200, "", [true, true]),
            ("CONNECT", 403, "", [false, false]),
        ] {
            assert_eq!(begun(method, status, content_type), expected, "{method} {status} {content_type}");
        }
    }

    #[test]
    fn bytes_may_come_before_a_held_response_is_let_go() {
        let mut endless = Endless::new("GET");
        assert!(!endless.has_begun());
        endless.see(Some(200), &[("content-type", "text/event-stream")]);
        endless.flow();
        assert!(endless.has_begun());
    }
}
