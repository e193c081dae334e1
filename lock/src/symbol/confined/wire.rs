//! Requests and answers between the recorder and the process that reads files.

use std::ops::Range;

use crate::symbol::code_file::{Bytes, Function, Outline, Segment, UnwindSections};

/// The length of a request in bytes.
pub(super) const REQUEST: usize = 24;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    /// Take in the file that comes with the request.
    Open,
    /// Take names from the separate debug file that comes with the request as well.
    Debug,
    /// How to unwind the file's code.
    Unwinding,
    /// The locking function that jumps to the function at an address.
    TailCaller,
    /// The functions at an address by the symbol table.
    Symbol,
    /// The functions at an address.
    Lines,
    /// The variable at an address.
    Variable,
    /// Close the file.
    Close,
}

impl Question {
    /// The longest answer, in bytes: the recorder has it in memory more than once.
    pub(super) const fn longest_answer(self) -> u64 {
        match self {
            Self::Unwinding => 96 << 20,
            Self::Open
            | Self::Debug
            | Self::TailCaller
            | Self::Symbol
            | Self::Lines
            | Self::Variable
            | Self::Close => 2 << 20,
        }
    }
}

const QUESTIONS: [Question; 8] = [
    Question::Open,
    Question::Debug,
    Question::Unwinding,
    Question::TailCaller,
    Question::Symbol,
    Question::Lines,
    Question::Variable,
    Question::Close,
];

/// A question about a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) question: Question,
    /// The file, by the number that it was opened with.
    pub(super) file: u64,
    pub(super) address: u64,
}

impl Request {
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let question = QUESTIONS
            .iter()
            .position(|&known| known == self.question)
            .unwrap_or(QUESTIONS.len());
        [question as u64, self.file, self.address]
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect()
    }

    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut from = Parser(bytes);
        let question = usize::try_from(from.number()?).ok()?;
        Some(Self {
            question: *QUESTIONS.get(question)?,
            file: from.number()?,
            address: from.number()?,
        })
    }
}

/// What is sent as an answer.
pub(super) trait Answer: Sized {
    /// Appends its bytes.
    fn put(&self, to: &mut Vec<u8>);
    /// Takes it from the beginning of bytes. None: these are no such answer.
    fn take(from: &mut Parser<'_>) -> Option<Self>;
}

/// Bytes that are still to be read.
pub(super) struct Parser<'data>(pub(super) &'data [u8]);

impl<'data> Parser<'data> {
    fn number(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*number))
    }

    fn bytes(&mut self) -> Option<&'data [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }
}

impl Answer for u64 {
    fn put(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(&self.to_le_bytes());
    }

    fn take(from: &mut Parser<'_>) -> Option<Self> {
        from.number()
    }
}

impl Answer for bool {
    fn put(&self, to: &mut Vec<u8>) {
        u64::from(*self).put(to);
    }

    fn take(from: &mut Parser<'_>) -> Option<Self> {
        Some(from.number()? != 0)
    }
}

impl Answer for Range<u64> {
    fn put(&self, to: &mut Vec<u8>) {
        self.start.put(to);
        self.end.put(to);
    }

    fn take(from: &mut Parser<'_>) -> Option<Self> {
        Some(from.number()?..from.number()?)
    }
}

fn put_bytes(bytes: &[u8], to: &mut Vec<u8>) {
    (bytes.len() as u64).put(to);
    to.extend_from_slice(bytes);
}

/// The bytes of a section.
impl Answer for Bytes {
    fn put(&self, to: &mut Vec<u8>) {
        put_bytes(self, to);
    }

    fn take(from: &mut Parser<'_>) -> Option<Self> {
        from.bytes().map(Self::from)
    }
}

/// A build id, or a name of any bytes.
impl Answer for Box<[u8]> {
    fn put(&self, to: &mut Vec<u8>) {
        put_bytes(self, to);
    }

    fn take(from: &mut Parser<'_>) -> Option<Self> {
        from.bytes().map(Self::from)
    }
}

impl Answer for String {
    fn put(&self, to: &mut Vec<u8>) {
        put_bytes(self.as_bytes(), to);
    }

    fn take(from: &mut Parser<'_>) -> Option<Self> {
        let bytes = from.bytes()?;
        Some(Self::from_utf8_lossy(bytes).into_owned())
    }
}

impl<T: Answer> Answer for Option<T> {
    fn put(&self, to: &mut Vec<u8>) {
        self.is_some().put(to);
        if let Some(value) = self {
            value.put(to);
        }
    }

    fn take(from: &mut Parser<'_>) -> Option<Self> {
        if bool::take(from)? {
            Some(Some(T::take(from)?))
        } else {
            Some(None)
        }
    }
}

impl<T: Answer> Answer for Vec<T> {
    fn put(&self, to: &mut Vec<u8>) {
        (self.len() as u64).put(to);
        for value in self {
            value.put(to);
        }
    }

    fn take(from: &mut Parser<'_>) -> Option<Self> {
        let count = from.number()?;
        // Bytes are what a count has to be believed by.
        (0..count).map(|_| T::take(from)).collect()
    }
}

impl Answer for Segment {
    fn put(&self, to: &mut Vec<u8>) {
        let Self {
            file,
            address,
            size,
            executable,
        } = self;
        file.put(to);
        address.put(to);
        size.put(to);
        executable.put(to);
    }

    fn take(from: &mut Parser<'_>) -> Option<Self> {
        Some(Self {
            file: Answer::take(from)?,
            address: Answer::take(from)?,
            size: Answer::take(from)?,
            executable: Answer::take(from)?,
        })
    }
}

impl Answer for Outline {
    fn put(&self, to: &mut Vec<u8>) {
        let Self {
            segments,
            build_id,
            debug_link,
        } = self;
        segments.put(to);
        build_id.put(to);
        debug_link.put(to);
    }

    fn take(from: &mut Parser<'_>) -> Option<Self> {
        Some(Self {
            segments: Answer::take(from)?,
            build_id: Answer::take(from)?,
            debug_link: Answer::take(from)?,
        })
    }
}

impl Answer for Function {
    fn put(&self, to: &mut Vec<u8>) {
        let Self {
            name,
            file,
            line,
            inlined,
        } = self;
        name.put(to);
        file.put(to);
        line.map(u64::from).put(to);
        inlined.put(to);
    }

    fn take(from: &mut Parser<'_>) -> Option<Self> {
        Some(Self {
            name: Answer::take(from)?,
            file: Answer::take(from)?,
            line: <Option<u64> as Answer>::take(from)?.and_then(|line| u32::try_from(line).ok()),
            inlined: Answer::take(from)?,
        })
    }
}

impl Answer for UnwindSections {
    fn put(&self, to: &mut Vec<u8>) {
        self.base_svma.put(to);
        for range in [
            &self.text_svma,
            &self.got_svma,
            &self.eh_frame_svma,
            &self.eh_frame_hdr_svma,
        ] {
            range.put(to);
        }
        for bytes in [&self.eh_frame, &self.eh_frame_hdr, &self.debug_frame] {
            bytes.put(to);
        }
    }

    fn take(from: &mut Parser<'_>) -> Option<Self> {
        Some(Self {
            base_svma: Answer::take(from)?,
            text_svma: Answer::take(from)?,
            got_svma: Answer::take(from)?,
            eh_frame_svma: Answer::take(from)?,
            eh_frame_hdr_svma: Answer::take(from)?,
            eh_frame: Answer::take(from)?,
            eh_frame_hdr: Answer::take(from)?,
            debug_frame: Answer::take(from)?,
            ..Self::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Parser, QUESTIONS, Request};
    use crate::symbol::code_file::{Function, Outline, Segment, UnwindSections};

    fn bytes(answer: &impl Answer) -> Vec<u8> {
        let mut bytes = Vec::new();
        answer.put(&mut bytes);
        bytes
    }

    /// The same comes back, and of less bytes nothing.
    fn there_and_back<A: Answer + PartialEq + std::fmt::Debug>(answer: &A) {
        let bytes = bytes(answer);
        let mut parser = Parser(&bytes);
        assert_eq!(A::take(&mut parser).as_ref(), Some(answer));
        assert!(parser.0.is_empty());
        for length in 0..bytes.len() {
            assert_eq!(A::take(&mut Parser(&bytes[..length])), None, "{length}");
        }
    }

    #[test]
    fn answers_come_back_as_they_were() {
        there_and_back(&Some(Outline {
            segments: vec![Segment {
                file: 1..2,
                address: 3,
                size: 6,
                executable: true,
            }],
            build_id: Some([4, 5].into()),
            debug_link: None,
        }));
        there_and_back(&vec![Function {
            name: "f".to_owned(),
            file: Some("f.c".to_owned()),
            line: Some(7),
            inlined: true,
        }]);
    }

    #[test]
    fn sections_come_back_as_they_were() {
        let sections = UnwindSections {
            base_svma: 1,
            text_svma: Some(2..3),
            eh_frame: Some([4, 5].into()),
            ..UnwindSections::default()
        };
        let sent = bytes(&sections);
        let back = UnwindSections::take(&mut Parser(&sent)).unwrap();
        assert_eq!(bytes(&back), sent);
        assert_eq!(back.eh_frame, sections.eh_frame);
    }

    #[test]
    fn a_count_is_not_believed() {
        let bytes = bytes(&u64::MAX);
        assert_eq!(Vec::<u64>::take(&mut Parser(&bytes)), None);
    }

    #[test]
    fn requests_come_back_as_they_were() {
        for question in QUESTIONS {
            let request = Request {
                question,
                file: 1,
                address: 2,
            };
            assert_eq!(Request::parse(&request.to_bytes()), Some(request));
        }
        assert_eq!(Request::parse(&[255; super::REQUEST]), None);
    }
}
