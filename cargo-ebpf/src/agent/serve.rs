//! The end that asks its kernel.

use std::io::{self, Read, Write};

use super::protocol::{Answer, Request};
use crate::{
    host::{kernel::Kernel, process::Spawner},
    verifier::load,
};

/// Answers one request.
///
/// # Errors
/// When the request cannot be read, or the answer cannot be written.
pub(crate) fn serve(
    input: &mut impl Read,
    output: &mut (impl Write + Send),
    spawner: &Spawner,
) -> io::Result<()> {
    let request = Request::read(input)?;
    let kernel = Kernel::running();
    Answer::Hello {
        release: kernel.release.clone(),
    }
    .write(output)?;
    if request.btf
        && let Ok(btf) = kernel.btf()
    {
        Answer::Btf(btf).write(output)?;
    }
    for (number, object) in request.objects.iter().enumerate() {
        Answer::Object(number).write(output)?;
        let mut written = Ok(());
        let mut tell = |event| {
            if written.is_ok() {
                written = Answer::Event(event).write(output);
            }
        };
        load::observe(
            &object.data,
            &kernel,
            &object.skipped,
            &object.given,
            request.extras,
            request.replaced.as_ref(),
            &mut tell,
        );
        written?;
    }
    for (number, program) in request.tests.iter().enumerate() {
        Answer::TestProgram(number).write(output)?;
        for test in program.tests(spawner) {
            match test {
                Ok(test) => {
                    Answer::Testing(test.clone()).write(output)?;
                    Answer::Tested(program.run(&test, spawner)).write(output)?;
                }
                Err(failed) => Answer::Tested(failed).write(output)?,
            }
        }
    }
    Answer::Done.write(output)
}
