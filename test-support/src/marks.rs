//! What the source of a rejected program contains for its test: see
//! `cargo-ebpf/tests/rejections/README.md`.

/// The directives and marks of a source.
#[derive(Debug)]
pub struct Marks {
    /// Behind `//~ ERROR`, with the line that it is for.
    errors: Vec<(String, u32)>,
    /// Behind `//@ elsewhere:`: a class and the kernels that tell it.
    elsewhere: Vec<(String, Vec<String>)>,
    /// Behind `//@ kernels:`; none: all.
    kernels: Option<Vec<String>>,
    /// Behind `//@ without:`: the capability that the loader must not have.
    pub without: Option<String>,
    /// Behind `//@ loader:`: the loader that it is made for, where its object does not show that.
    pub loader: Option<String>,
    /// Whether it says `//@ slow: ..`: an emulated guest takes a minute for it.
    pub is_slow: bool,
    /// Behind `//@ since: 5.18`: the first kernel that accepts it.
    since: Option<String>,
}

impl Marks {
    /// Reads a source.
    pub fn of(source: &str) -> Self {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let directives = |name: &'static str| {
            source.lines().filter_map(move |line| {
                let rest = line.strip_prefix("//@ ")?.strip_prefix(name)?;
                rest.strip_prefix(": ")
            })
        };
        let errors = source.lines().zip(1..).filter_map(|(line, number)| {
            let (_, mark) = line.split_once("//~")?;
            let (up, code) = mark.split_once(" ERROR ")?;
            // Each `^` is a line further up.
            Some((code.to_owned(), number - u32::try_from(up.len()).ok()?))
        });
        let elsewhere = directives("elsewhere").filter_map(|told| {
            let (code, kernels) = told.split_once(' ')?;
            Some((code.to_owned(), words(kernels)))
        });
        Self {
            errors: errors.collect(),
            elsewhere: elsewhere.collect(),
            kernels: directives("kernels").next().map(words),
            without: directives("without").next().map(str::to_owned),
            loader: directives("loader").next().map(str::to_owned),
            is_slow: directives("slow").next().is_some(),
            since: directives("since").next().map(str::to_owned),
        }
    }

    /// Each marked code, with its line.
    pub fn errors(&self) -> &[(String, u32)] {
        &self.errors
    }

    /// The lines that a diagnosis of this class may point at, in order.
    pub fn lines(&self, code: &str) -> Vec<u32> {
        let of_class = self.errors.iter().filter(|(of, _)| of == code);
        of_class.map(|(_, line)| *line).collect()
    }

    /// Whether this kernel (`6.12`) accepts a program that follows its hint.
    pub fn is_accepted(&self, kernel: &str) -> bool {
        let version = |text: &str| -> Vec<u32> {
            let parts = text.split('.').map(|part| part.parse().unwrap_or(0));
            parts.collect()
        };
        let since = self.since.as_deref();
        since.is_none_or(|since| version(since) <= version(kernel))
    }

    /// The class that this kernel tells of the program for `code`, loaded with all rights
    /// or without those that it names; nothing where it accepts it.
    pub fn expected<'a>(
        &'a self,
        code: &'a str,
        kernel: &str,
        all_rights: bool,
    ) -> Option<&'a str> {
        let has = |kernels: &[String]| kernels.iter().any(|of| of == kernel);
        if let Some((code, _)) = self.elsewhere.iter().find(|(_, kernels)| has(kernels)) {
            return Some(code);
        }
        let is_here = self.kernels.as_deref().is_none_or(has);
        let is_able = all_rights && self.without.is_some();
        (is_here && !is_able).then_some(code)
    }
}
