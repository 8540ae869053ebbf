//! The port program: the frames of the NIF on standard input and output, each after its length in
//! four bytes. A program runs one job. The end of its input means that the caller is gone.

use crate::caller::FrameSink;
use crate::frame::{FromNative, ToNative};
use crate::runtime::runtime;
use crate::session::Session;
use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

/// Longer than any frame from Erlang: a list of all numbers of a large cluster fits.
const LONGEST: u32 = 256 * 1024 * 1024;

/// The wait for the end of the input after the last frame. A program that ends earlier can lose the frame: when Erlang answers
/// an earlier one, its write fails, and the port is closed with frames that are not read.
const LINGER: Duration = Duration::from_secs(2);

/// Reads one start request, runs the job, and returns when its last frame is written and read.
pub fn serve<I, O>(mut input: I, output: O) -> io::Result<()>
where
    I: Read + Send + 'static,
    O: Write + Send + 'static,
{
    let Some(bytes) = read_frame(&mut input)? else {
        return Ok(());
    };
    let start = match ToNative::decode(&bytes) {
        Ok(ToNative::Start(start)) => *start,
        Ok(_) => return refuse(input, output, "bad frame: expected a start request"),
        Err(error) => return refuse(input, output, &error.to_string()),
    };
    let runtime = runtime()?;
    let sink = Output {
        writer: Mutex::new(output),
    };
    let started = catch_unwind(AssertUnwindSafe(|| {
        Session::start(runtime.handle(), start, sink)
    }));
    let Ok((session, job)) = started else {
        return Err(io::Error::other("cannot start the job"));
    };
    let ended = read_to_end(input, move |input| {
        while let Ok(Some(bytes)) = read_frame(input) {
            match ToNative::decode(&bytes) {
                Ok(frame) => session.receive(frame),
                Err(_) => break,
            }
        }
        session.mark_gone();
    })?;
    runtime.block_on(job).map_err(io::Error::other)?;
    linger(&ended);
    Ok(())
}

fn refuse<I: Read + Send + 'static>(
    input: I,
    mut output: impl Write,
    line: &str,
) -> io::Result<()> {
    write_frame(&mut output, &FromNative::Failed(line.to_owned()).encode())?;
    linger(&read_to_end(input, |_| {})?);
    Ok(())
}

/// Reads the input in a thread: first `read`, then all that follows. The channel closes at the end of the input. The thread ends
/// with the program.
fn read_to_end<I: Read + Send + 'static>(
    mut input: I,
    read: impl FnOnce(&mut I) + Send + 'static,
) -> io::Result<mpsc::Receiver<()>> {
    let (end, ended) = mpsc::channel();
    thread::Builder::new()
        .name("kazoo-numbers-input".to_owned())
        .spawn(move || {
            read(&mut input);
            let _ = io::copy(&mut input, &mut io::sink());
            drop(end);
        })?;
    Ok(ended)
}

/// Waits until the caller has closed the input.
fn linger(ended: &mpsc::Receiver<()>) {
    let _ = ended.recv_timeout(LINGER);
}

/// The next frame. None at the end of the input.
fn read_frame(input: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match input.read_exact(&mut length) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let length = u32::from_be_bytes(length);
    if length > LONGEST {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "a frame that is too long",
        ));
    }
    // Grows with the bytes that arrive, not with the announced length.
    let mut frame = Vec::new();
    input.take(u64::from(length)).read_to_end(&mut frame)?;
    if frame.len() as u64 == u64::from(length) {
        Ok(Some(frame))
    } else {
        Ok(None)
    }
}

fn write_frame(output: &mut impl Write, frame: &[u8]) -> io::Result<()> {
    let length = u32::try_from(frame.len()).map_err(io::Error::other)?;
    output.write_all(&length.to_be_bytes())?;
    output.write_all(frame)?;
    output.flush()
}

struct Output<O> {
    writer: Mutex<O>,
}

impl<O: Write + Send + 'static> FrameSink for Output<O> {
    fn send(&self, frame: Vec<u8>) -> bool {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        write_frame(&mut *writer, &frame).is_ok()
    }
}
