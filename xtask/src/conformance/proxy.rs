//! A loopback proxy that adds a credential and the toolsets, and passes every other byte through as it came.
//!
//! Requests are read no further than their framing (RFC 9112 §6), answers not at all: whatever the server flushes goes
//! on at once, and whichever side closes, the other is told.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use crate::report::Result;

/// Longest request head, and longest line of a chunked body.
const HEAD_BYTES: u64 = 64 * 1024;

/// Where requests go, and what is added to them.
#[derive(Debug)]
pub(super) struct Proxy {
    pub(super) to: SocketAddr,
    pub(super) key: String,
    pub(super) toolsets: String,
}

/// A proxy that holds its port.
#[derive(Debug)]
pub(super) struct Listening {
    pub(super) address: SocketAddr,
    listener: TcpListener,
    proxy: Arc<Proxy>,
}

impl Proxy {
    /// Takes a port; loopback only on both sides, because whoever reaches it needs no credential.
    pub(super) fn bind(self, listen: SocketAddr) -> Result<Listening> {
        for address in [listen, self.to] {
            if !address.ip().is_loopback() {
                return Err(format!("{address} is not on loopback, and this proxy hands out a credential"));
            }
        }
        let listener = TcpListener::bind(listen).map_err(|error| format!("cannot listen on {listen}: {error}"))?;
        let address = listener.local_addr().map_err(|error| format!("no local address: {error}"))?;
        Ok(Listening { address, listener, proxy: Arc::new(self) })
    }

    /// Serves in the background for as long as this process lives.
    pub(super) fn start(self, listen: SocketAddr) -> Result<SocketAddr> {
        let listening = self.bind(listen)?;
        let address = listening.address;
        thread::spawn(move || listening.serve());
        Ok(address)
    }

    fn connect(&self, client: TcpStream) -> io::Result<()> {
        let server = TcpStream::connect(self.to)?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let answers = (server.try_clone()?, client.try_clone()?);
        thread::spawn(move || copy(answers));
        let result = self.requests(BufReader::new(&client), &server);
        // A client that only stopped sending may still be answered; one that broke off may not.
        let how = if result.is_ok() { Shutdown::Write } else { Shutdown::Both };
        server.shutdown(how)
    }

    /// Passes requests on until the client stops sending.
    fn requests(&self, mut client: impl BufRead, mut server: impl Write) -> io::Result<()> {
        loop {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                if line(&mut client, &mut head)? == 0 {
                    return if head.is_empty() { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
                }
            }
            server.write_all(&self.head(&head)?)?;
            match framing(&head)? {
                Framing::Bytes(count) => exactly(&mut client, &mut server, count)?,
                Framing::Chunks => chunks(&mut client, &mut server)?,
            }
        }
    }

    /// The head with what is added to it.
    fn head(&self, head: &[u8]) -> io::Result<Vec<u8>> {
        let bad = || io::Error::from(io::ErrorKind::InvalidData);
        let end = head.windows(2).position(|pair| pair == b"\r\n").ok_or_else(bad)?;
        let (first, rest) = head.split_at(end);
        let mut words = first.splitn(3, |byte| *byte == b' ');
        let (Some(method), Some(target), Some(version)) = (words.next(), words.next(), words.next()) else {
            return Err(bad());
        };
        let joint = if target.contains(&b'?') { "&" } else { "?" };
        let toolsets = format!("{joint}toolsets={}", self.toolsets);
        let credential = format!("\r\nAuthorization: Bearer {}", self.key);
        let parts = [method, b" ", target, toolsets.as_bytes(), b" ", version, credential.as_bytes(), rest];
        Ok(parts.concat())
    }
}

impl Listening {
    /// Accepts for ever.
    pub(super) fn serve(self) {
        for client in self.listener.incoming().flatten() {
            let proxy = Arc::clone(&self.proxy);
            // A broken connection is an affair of its two ends.
            thread::spawn(move || proxy.connect(client).ok());
        }
    }
}

/// Passes answers on as they come.
fn copy((mut server, mut client): (TcpStream, TcpStream)) {
    let how = match io::copy(&mut server, &mut client) {
        Ok(_) => Shutdown::Write,
        Err(_) => Shutdown::Both,
    };
    // Whoever is gone already need not be told.
    client.shutdown(how).ok();
    if how == Shutdown::Both {
        server.shutdown(how).ok();
    }
}

enum Framing {
    Bytes(u64),
    Chunks,
}

fn framing(head: &[u8]) -> io::Result<Framing> {
    let head = String::from_utf8_lossy(head);
    let mut framing = Framing::Bytes(0);
    for (name, value) in head.lines().skip(1).filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("transfer-encoding") {
            return Ok(Framing::Chunks);
        }
        if name.eq_ignore_ascii_case("content-length") {
            let count = value.trim().parse().map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
            framing = Framing::Bytes(count);
        }
    }
    Ok(framing)
}

/// Appends one line with its end; how many bytes it has.
fn line(client: &mut impl BufRead, all: &mut Vec<u8>) -> io::Result<usize> {
    let count = client.take(HEAD_BYTES).read_until(b'\n', all)?;
    let is_bounded = u64::try_from(all.len()).is_ok_and(|length| length <= HEAD_BYTES);
    if is_bounded { Ok(count) } else { Err(io::ErrorKind::InvalidData.into()) }
}

fn exactly(client: &mut impl BufRead, server: &mut impl Write, count: u64) -> io::Result<()> {
    if io::copy(&mut client.take(count), server)? == count { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// A chunked body with its trailer.
fn chunks(client: &mut impl BufRead, server: &mut impl Write) -> io::Result<()> {
    let mut in_trailer = false;
    loop {
        let mut size = Vec::new();
        if line(client, &mut size)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        server.write_all(&size)?;
        if in_trailer {
            if size == b"\r\n" {
                return Ok(());
            }
            continue;
        }
        let text = String::from_utf8_lossy(&size);
        let digits = text.split(';').next().unwrap_or_default().trim();
        let count = u64::from_str_radix(digits, 16).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
        in_trailer = count == 0;
        if !in_trailer {
            exactly(client, server, count.saturating_add(2))?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(to: SocketAddr) -> Proxy {
        Proxy { to, key: "gh_secret".to_owned(), toolsets: "conformance,core".to_owned() }
    }

    fn loopback() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    fn check(sent: &str, passed: &str) {
        let mut out = Vec::new();
        proxy(loopback()).requests(sent.as_bytes(), &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), passed);
    }

    #[test]
    fn only_a_credential_and_the_toolsets_are_added() {
        check(
            "POST /mcp HTTP/1.1\r\nHOST: evil.example\r\nx-odd:  a \r\ncontent-length: 3\r\n\r\nabc\
             GET /mcp?a=1 HTTP/1.1\r\nOrigin: null\r\n\r\n",
            "POST /mcp?toolsets=conformance,core HTTP/1.1\r\nAuthorization: Bearer gh_secret\r\nHOST: evil.example\r\n\
             x-odd:  a \r\ncontent-length: 3\r\n\r\nabc\
             GET /mcp?a=1&toolsets=conformance,core HTTP/1.1\r\nAuthorization: Bearer gh_secret\r\nOrigin: null\r\n\r\n",
        );
    }

    #[test]
    fn a_chunked_body_is_passed_with_its_trailer() {
        let body = "3;x=y\r\nabc\r\nA\r\n0\r\n\r\n56789\r\n0\r\nsum: 1\r\n\r\n";
        check(
            &format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{body}GET /b HTTP/1.1\r\n\r\n"),
            &format!(
                "POST /?toolsets=conformance,core HTTP/1.1\r\nAuthorization: Bearer gh_secret\r\n\
                 Transfer-Encoding: chunked\r\n\r\n{body}\
                 GET /b?toolsets=conformance,core HTTP/1.1\r\nAuthorization: Bearer gh_secret\r\n\r\n"
            ),
        );
    }

    #[test]
    fn what_is_beyond_loopback_is_refused() {
        let far = SocketAddr::from(([192, 0, 2, 1], 80));
        assert!(proxy(far).bind(loopback()).unwrap_err().contains("loopback"));
        assert!(proxy(loopback()).bind(SocketAddr::from(([0, 0, 0, 0], 0))).unwrap_err().contains("loopback"));
    }

    #[test]
    fn answers_stream_and_an_early_close_reaches_the_server() {
        let upstream = TcpListener::bind(loopback()).unwrap();
        let address = proxy(upstream.local_addr().unwrap()).start(loopback()).unwrap();
        let mut client = TcpStream::connect(address).unwrap();
        client.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        let (mut server, _) = upstream.accept().unwrap();
        let mut head = [0; 1024];
        assert!(server.read(&mut head).unwrap() > 0);
        server.write_all(b": first\n\n").unwrap();
        let mut part = [0; 9];
        client.read_exact(&mut part).unwrap();
        assert_eq!(&part, b": first\n\n");
        drop(client);
        assert_eq!(server.read(&mut head).unwrap(), 0);
    }
}
