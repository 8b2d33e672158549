//! Words for the service manager that started this process, over the socket it named (sd_notify(3)).

use std::{
    ffi::{OsStr, OsString},
    io,
    os::unix::net::{SocketAddr, UnixDatagram},
    path::Path,
};

/// The way to the service manager; silent when there is none.
#[derive(Debug, Default)]
pub(crate) struct Notifier {
    socket: Option<OsString>,
}

impl Notifier {
    /// The socket that `NOTIFY_SOCKET` names: a path, or `@name` for an abstract one.
    pub(crate) fn to(socket: Option<&OsStr>) -> Self {
        Self { socket: socket.map(OsStr::to_owned) }
    }

    /// Says what is so now, such as `READY=1`: one assignment a line. Whoever does not hear it misses only words.
    pub(crate) fn say(&self, state: &str) {
        let Some(socket) = &self.socket else { return };
        if let Err(error) = send(socket, state) {
            tracing::warn!(%error, "the service manager was not told what the server does");
        }
    }
}

fn send(socket: &OsStr, state: &str) -> io::Result<()> {
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address(socket)?).map(drop)
}

fn address(socket: &OsStr) -> io::Result<SocketAddr> {
    match socket.as_encoded_bytes().strip_prefix(b"@") {
        Some(name) => abstract_address(name),
        None => SocketAddr::from_pathname(Path::new(socket)),
    }
}

#[cfg(target_os = "linux")]
fn abstract_address(name: &[u8]) -> io::Result<SocketAddr> {
    <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name)
}

#[cfg(not(target_os = "linux"))]
fn abstract_address(_: &[u8]) -> io::Result<SocketAddr> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no abstract sockets"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_without_a_name_is_heard_too() {
        let name = format!("guildhall-test-{}", std::process::id());
        let manager = UnixDatagram::bind_addr(&abstract_address(name.as_bytes()).unwrap()).unwrap();
        Notifier::to(Some(OsStr::new(&format!("@{name}")))).say("READY=1\nSTATUS=here");
        let mut heard = [0; 64];
        let length = manager.recv(&mut heard).unwrap();
        assert_eq!(&heard[..length], b"READY=1\nSTATUS=here");
        Notifier::to(None).say("READY=1");
    }
}
