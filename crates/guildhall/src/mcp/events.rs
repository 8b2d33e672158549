//! Server-sent events (WHATWG HTML §9.2): only their data, for nothing else is a message.

/// Cuts a stream into events.
#[derive(Debug, Default)]
pub(super) struct Events {
    line: Vec<u8>,
    data: Vec<u8>,
    after_return: bool,
}

impl Events {
    /// Takes a piece of the stream; the data of the events that it ends.
    pub(super) fn take(&mut self, piece: &[u8]) -> Vec<Vec<u8>> {
        let mut events = Vec::new();
        for byte in piece {
            let follows_return = std::mem::replace(&mut self.after_return, *byte == b'\r');
            match byte {
                b'\n' if follows_return => {}
                b'\n' | b'\r' => events.extend(self.end_line()),
                _ => self.line.push(*byte),
            }
        }
        events
    }

    /// How many bytes wait for their event's end.
    pub(super) fn waiting(&self) -> usize {
        self.line.len() + self.data.len()
    }

    fn end_line(&mut self) -> Option<Vec<u8>> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            let data = std::mem::take(&mut self.data);
            return (!data.trim_ascii().is_empty()).then_some(data);
        }
        if let Some(data) = line.strip_prefix(b"data:") {
            self.data.extend_from_slice(data.strip_prefix(b" ").unwrap_or(data));
            self.data.push(b' ');
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_whole_however_they_arrive() {
        let stream =
            b": hello\r\n\r\nid: 1\r\ndata:\r\n\r\nevent: message\ndata: {\"a\":\ndata: 1}\n\ndata:{}\r\rdata: cut";
        for piece in [1, 2, 7, stream.len()] {
            let mut events = Events::default();
            let found: Vec<Vec<u8>> = stream.chunks(piece).flat_map(|piece| events.take(piece)).collect();
            assert_eq!(found, [b"{\"a\": 1} ".to_vec(), b"{} ".to_vec()], "in pieces of {piece}");
            assert_eq!(events.waiting(), "data: cut".len());
        }
    }
}
