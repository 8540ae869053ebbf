//! The port program on pipes.

use kazoo_numbers_wire::decode::decode;
use kazoo_numbers_wire::encode::encode;
use kazoo_numbers_wire::port::serve;
use kazoo_numbers_wire::term::Term;
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::thread::{self, JoinHandle};

struct Program {
    input: PipeWriter,
    output: PipeReader,
    ended: JoinHandle<std::io::Result<()>>,
}

fn program() -> Program {
    let (input_reader, input) = pipe().expect("a pipe");
    let (output, output_writer) = pipe().expect("a pipe");
    let ended = thread::spawn(move || serve(input_reader, output_writer));
    Program {
        input,
        output,
        ended,
    }
}

fn send(input: &mut PipeWriter, term: &Term) {
    let frame = encode(term);
    input
        .write_all(&(frame.len() as u32).to_be_bytes())
        .expect("a write");
    input.write_all(&frame).expect("a write");
}

fn receive(output: &mut PipeReader) -> Option<Term> {
    let mut length = [0; 4];
    output.read_exact(&mut length).ok()?;
    let mut frame = vec![0; u32::from_be_bytes(length) as usize];
    output.read_exact(&mut frame).ok()?;
    Some(decode(&frame).expect("a frame"))
}

fn request(fault: &str) -> Term {
    Term::Map(vec![
        (Term::atom("function"), Term::text("all_features")),
        (Term::atom("arguments"), Term::List(vec![])),
        (
            Term::atom("settings"),
            Term::Map(vec![(Term::atom("fault"), Term::atom(fault))]),
        ),
    ])
}

#[test]
fn job_runs_to_its_last_frame() {
    let mut program = program();
    send(&mut program.input, &request("task"));
    let last = receive(&mut program.output).expect("a frame");
    assert_eq!(last.as_tagged().expect("a tuple").0, "failed");
    program.ended.join().expect("no panic").expect("no error");
    // The thread that reads the input closes the output at the end of the input.
    drop(program.input);
    assert_eq!(receive(&mut program.output), None);
}

#[test]
fn end_of_input_ends_the_program() {
    let mut program = program();
    send(&mut program.input, &request("hang"));
    drop(program.input);
    program.ended.join().expect("no panic").expect("no error");
}

#[test]
fn cancel_stops_the_job() {
    let mut program = program();
    send(&mut program.input, &request("hang"));
    send(&mut program.input, &Term::atom("cancel"));
    assert_eq!(
        receive(&mut program.output)
            .expect("a frame")
            .as_tagged()
            .expect("a tuple")
            .0,
        "done"
    );
    program.ended.join().expect("no panic").expect("no error");
}

#[test]
fn invalid_request_is_refused() {
    for term in [Term::atom("cancel"), Term::text("x"), Term::Map(vec![])] {
        let mut program = program();
        send(&mut program.input, &term);
        assert_eq!(
            receive(&mut program.output)
                .expect("a frame")
                .as_tagged()
                .expect("a tuple")
                .0,
            "failed"
        );
    }
}

#[test]
fn announced_length_without_bytes_is_refused() {
    let mut program = program();
    program
        .input
        .write_all(&[255, 255, 255, 255, 1])
        .expect("a write");
    drop(program.input);
    assert!(program.ended.join().expect("no panic").is_err());
}
