//! Says what is embedded and what its arguments are. The first argument is the exit
//! code.

use std::{env, process::ExitCode};

const OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/probe"));

fn main() -> ExitCode {
    match OBJECT.strip_prefix(b"ebpf-build stub: ") {
        Some(reason) => println!("stub: {}", String::from_utf8_lossy(reason)),
        None => println!("{} bytes from {:02x?}", OBJECT.len(), &OBJECT[..4]),
    }
    let arguments: Vec<String> = env::args().skip(1).collect();
    println!("arguments: {arguments:?}");
    let code = arguments.first().and_then(|code| code.parse().ok());
    code.unwrap_or(0).into()
}
