//! The proxy's port. It can be closed for some time without losing the port number.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::{TcpListener, TcpSocket};

/// The backlog of connections.
const BACKLOG: u32 = 1024;

/// A reserved port on this machine.
pub(crate) struct Port {
    address: SocketAddr,
    /// Bound but never listening: connections are refused while no listener exists, and no other
    /// process gets the port.
    _reserved: TcpSocket,
}

impl Port {
    /// Reserves a free port.
    pub(crate) fn reserve() -> io::Result<Self> {
        let reserved = socket()?;
        reserved.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        Ok(Self {
            address: reserved.local_addr()?,
            _reserved: reserved,
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts connections until the listener is dropped.
    pub(crate) fn listen(&self) -> io::Result<TcpListener> {
        let socket = socket()?;
        socket.bind(self.address)?;
        socket.listen(BACKLOG)
    }
}

fn socket() -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // Two sockets use the port: the one that reserves it and the listener.
    socket.set_reuseport(true)?;
    Ok(socket)
}
