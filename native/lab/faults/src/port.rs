//! The port that the proxy listens on. It can be closed for a while, and is not lost meanwhile.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::{TcpListener, TcpSocket};

/// Connections that may wait to be taken.
const BACKLOG: u32 = 1024;

/// A port on this machine.
pub(crate) struct Port {
    address: SocketAddr,
    /// Bound and never listening: while nobody listens connections are refused, and nobody else
    /// is given the port.
    _held: TcpSocket,
}

impl Port {
    /// Takes any that is free.
    pub(crate) fn take() -> io::Result<Self> {
        let held = socket()?;
        held.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        Ok(Self {
            address: held.local_addr()?,
            _held: held,
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes connections, until the listener is dropped.
    pub(crate) fn listen(&self) -> io::Result<TcpListener> {
        let socket = socket()?;
        socket.bind(self.address)?;
        socket.listen(BACKLOG)
    }
}

fn socket() -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // Two sockets have the port: the one that holds it, and the one that listens.
    socket.set_reuseport(true)?;
    Ok(socket)
}
