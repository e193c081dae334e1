//! Prints each program that is started. The argument, if there is one, is for how many seconds.

#[path = "../../exec-ebpf/src/event.rs"]
mod event;
/// The program and the map.
mod exec {
    include!(concat!(env!("OUT_DIR"), "/exec.skel.rs"));
}

use std::{
    env,
    error::Error,
    io::{self, Write as _},
    thread,
    time::{Duration, Instant},
};

use crate::event::Event;

fn main() -> Result<(), Box<dyn Error>> {
    let seconds: Option<u64> = env::args().nth(1).map(|text| text.parse()).transpose()?;
    let end = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let mut exec = exec::Open::new().load()?;
    exec.progs.executed().attach()?;
    let mut output = io::stdout().lock();
    writeln!(output, "pid parent name inode file arguments")?;
    while end.is_none_or(|end| Instant::now() < end) {
        while let Some(bytes) = exec.maps.events.next() {
            if let Some(event) = Event::read(&bytes) {
                print(&mut output, &event)?;
            }
        }
        output.flush()?;
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

fn print(output: &mut impl io::Write, event: &Event) -> io::Result<()> {
    let length = event.arguments.len().min(event.arguments_len as usize);
    let arguments = event.arguments[..length].split(|byte| *byte == 0);
    let arguments: Vec<_> = arguments
        .map(|text| text.escape_ascii().to_string())
        .collect();
    writeln!(
        output,
        "{} {} {} {} {} {}",
        event.pid,
        event.parent,
        until_nul(&event.name),
        event.inode,
        until_nul(&event.file),
        arguments.join(" ").trim_end(),
    )
}

fn until_nul(bytes: &[u8]) -> String {
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    text.escape_ascii().to_string()
}
