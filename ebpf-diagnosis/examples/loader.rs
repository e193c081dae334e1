//! A loader that explains why the kernel rejected its program:
//! `loader OBJECT PROGRAM`, for XDP programs.

use std::{env, error::Error, fs, path::Path, process::ExitCode};

use aya::{
    Ebpf,
    programs::{ProgramError, Xdp},
};
use ebpf_diagnosis::Sources;

#[expect(clippy::print_stderr, reason = "it is a command")]
fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let (Some(object), Some(program)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: loader OBJECT PROGRAM");
        return ExitCode::from(2);
    };
    match load(Path::new(&object), &program) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn load(object: &Path, name: &str) -> Result<(), Box<dyn Error>> {
    let bytes = fs::read(object)?;
    let mut ebpf = Ebpf::load(&bytes)?;
    let program: &mut Xdp = ebpf
        .program_mut(name)
        .ok_or("the object has no such program")?
        .try_into()?;
    match program.load() {
        Err(ProgramError::LoadError {
            io_error,
            verifier_log,
        }) => {
            let log = verifier_log.to_string();
            let diagnosis = ebpf_diagnosis::of_load_error(&bytes, name, &io_error, &log);
            Err(ebpf_diagnosis::text(&diagnosis, &Sources::around(object)).into())
        }
        loaded => Ok(loaded?),
    }
}
