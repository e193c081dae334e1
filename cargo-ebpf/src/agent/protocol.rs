//! What is asked and what is answered. Both ends are of one build, so there is no
//! version to agree on.

use std::io::{self, Read, Write};

use ebpf_object::link::Given;
use serde::{Deserialize, Serialize};

use super::frame;
use crate::{
    testing::program::{TestProgram, Tested},
    verifier::{
        observation::{Event, Extras},
        replaced::Replaced,
    },
};

/// What a kernel is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Request {
    /// The objects to verify.
    pub objects: Vec<Object>,
    /// What is wanted beyond verdicts.
    pub extras: Extras,
    /// The program that programs of section `freplace/` replace a function of.
    pub replaced: Option<Replaced>,
    /// The test programs to run.
    pub tests: Vec<TestProgram>,
    /// Whether the kernel's BTF is wanted.
    pub btf: bool,
}

/// An object to verify.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Object {
    /// The bytes of the ELF file.
    pub data: Vec<u8>,
    /// Programs to leave out: the kernel has been asked before, and died of them.
    pub skipped: Vec<String>,
    /// What its loader would set.
    pub given: Given,
}

/// A piece of the answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
pub(crate) enum Answer {
    /// The kernel is up and has understood the request.
    Hello {
        /// Its release, as `uname -r` prints it.
        release: String,
    },
    /// What follows is about this object of the request.
    Object(usize),
    /// A step with an object.
    Event(Event),
    /// The kernel's BTF, in a frame without JSON.
    Btf(#[serde(skip)] Vec<u8>),
    /// What follows is about this test program of the request.
    TestProgram(usize),
    /// This test of it is about to run.
    Testing(String),
    /// It has run.
    Tested(Tested),
    /// All is said.
    Done,
}

/// A request without the bytes of its objects, which follow.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    extras: Extras,
    replaced: Option<Which>,
    skipped: Vec<Vec<String>>,
    given: Vec<Given>,
    tests: Vec<TestProgram>,
    btf: bool,
}

/// A [`Replaced`] without its bytes, which follow.
#[derive(Debug, Serialize, Deserialize)]
struct Which {
    program: Option<String>,
}

impl Request {
    /// It as bytes, which [`Self::read`] reads.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // Writing into memory does not fail.
        let _ = self.write(&mut bytes);
        bytes
    }

    /// Writes it.
    ///
    /// # Errors
    /// Those of `output`.
    fn write(&self, output: &mut impl Write) -> io::Result<()> {
        let skipped = self.objects.iter().map(|object| object.skipped.clone());
        let given = self.objects.iter().map(|object| object.given.clone());
        let head = Head {
            extras: self.extras,
            replaced: self.replaced.as_ref().map(|found| Which {
                program: found.program.clone(),
            }),
            skipped: skipped.collect(),
            given: given.collect(),
            tests: self.tests.clone(),
            btf: self.btf,
        };
        frame::write(output, &serde_json::to_vec(&head)?)?;
        let objects = self.objects.iter().map(|object| &object.data);
        let replaced = self.replaced.iter().map(|found| &found.data);
        let mut all = replaced.chain(objects);
        all.try_for_each(|data| frame::write(output, data))
    }

    /// Reads it.
    ///
    /// # Errors
    /// Those of `input`, and when it ends early or holds something else.
    pub(crate) fn read(input: &mut impl Read) -> io::Result<Self> {
        let mut next =
            || frame::read(input)?.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof));
        let head: Head = serde_json::from_slice(&next()?)?;
        let replaced = match head.replaced {
            Some(Which { program }) => Some(Replaced {
                data: next()?,
                program,
            }),
            None => None,
        };
        let objects = head.skipped.into_iter().zip(head.given);
        let objects = objects.map(|(skipped, given)| {
            let data = next()?;
            Ok(Object {
                data,
                skipped,
                given,
            })
        });
        Ok(Self {
            extras: head.extras,
            replaced,
            objects: objects.collect::<io::Result<_>>()?,
            tests: head.tests,
            btf: head.btf,
        })
    }
}

impl Answer {
    /// Writes it, and sees that it leaves.
    ///
    /// # Errors
    /// Those of `output`.
    pub(super) fn write(&self, output: &mut impl Write) -> io::Result<()> {
        frame::write(output, &serde_json::to_vec(self)?)?;
        if let Self::Btf(bytes) = self {
            frame::write(output, bytes)?;
        }
        output.flush()
    }

    /// Reads the next one; none at the end of `input`.
    ///
    /// # Errors
    /// Those of `input`, and when it holds something else.
    pub(crate) fn read(input: &mut impl Read) -> io::Result<Option<Self>> {
        let Some(frame) = frame::read(input)? else {
            return Ok(None);
        };
        let mut answer = serde_json::from_slice(&frame)?;
        if let Self::Btf(bytes) = &mut answer {
            *bytes = frame::read(input)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        }
        Ok(Some(answer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verifier::observation::Attaching;
    use ebpf_object::Loader;

    #[test]
    fn a_request_comes_out_as_it_went_in() -> io::Result<()> {
        let request = Request {
            extras: Extras {
                attaching: Attaching::Watchers,
                visits: true,
                loader: Some(Loader::Libbpf),
            },
            replaced: Some(Replaced {
                data: vec![1, 2],
                program: None,
            }),
            objects: vec![
                Object {
                    data: vec![0x7f, b'E', 0, 255],
                    skipped: vec!["a".to_owned(), "b\n".to_owned()],
                    given: Given::default(),
                },
                Object {
                    data: Vec::new(),
                    skipped: Vec::new(),
                    given: Given::default(),
                },
            ],
            btf: true,
            tests: vec![TestProgram {
                name: "programs".to_owned(),
                path: "/tests/0".into(),
                filters: vec!["--exact".to_owned()],
                ..TestProgram::default()
            }],
        };
        let mut bytes = Vec::new();
        request.write(&mut bytes)?;
        assert_eq!(Request::read(&mut bytes.as_slice())?, request);
        bytes.pop();
        assert!(Request::read(&mut bytes.as_slice()).is_err());
        Ok(())
    }

    #[test]
    fn btf_comes_out_as_it_went_in() -> io::Result<()> {
        let mut bytes = Vec::new();
        Answer::Btf(vec![0x9f, 0xeb, 1]).write(&mut bytes)?;
        Answer::Done.write(&mut bytes)?;
        let input = &mut bytes.as_slice();
        assert!(matches!(Answer::read(input)?, Some(Answer::Btf(btf)) if btf == [0x9f, 0xeb, 1]));
        assert!(matches!(Answer::read(input)?, Some(Answer::Done)));
        Ok(())
    }
}
