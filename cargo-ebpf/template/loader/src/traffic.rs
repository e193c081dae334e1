//! Messages between sockets of this process, so that there is something to count.

use std::{
    io,
    net::{TcpListener, TcpStream},
    thread,
    time::Duration,
};

/// Calls `exchange` ten times per second in another thread, until it fails.
pub fn of<T>(mut exchange: impl FnMut() -> io::Result<T> + Send + 'static) {
    thread::spawn(move || {
        while exchange().is_ok() {
            thread::sleep(Duration::from_millis(100));
        }
    });
}

/// Both ends of a TCP connection.
///
/// # Errors
/// If no socket can be bound to `address`.
pub fn connection(address: &str) -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind(address)?;
    let sender = TcpStream::connect(listener.local_addr()?)?;
    let (receiver, _) = listener.accept()?;
    Ok((sender, receiver))
}
