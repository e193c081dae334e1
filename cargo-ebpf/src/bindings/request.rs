//! What is to be declared.

use std::{fmt, str::FromStr};

/// A type, with the members that are to be declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// The name of a struct, union, enum, typedef or function.
    pub(crate) name: String,
    /// The paths of members, as `mm.exe_file`, also through pointers. Empty: all members of the
    /// type itself.
    pub(crate) members: Vec<Vec<String>>,
}

impl FromStr for Request {
    type Err = String;

    /// `TYPE` or `TYPE.MEMBER,MEMBER.MEMBER`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, members) = match text.split_once('.') {
            None => (text, Vec::new()),
            Some((name, members)) => {
                let path = |path: &str| path.split('.').map(str::to_owned).collect();
                (name, members.split(',').map(path).collect())
            }
        };
        let members: Vec<Vec<String>> = members;
        let mut parts = members.iter().flatten();
        if !is_identifier(name) || !parts.all(|part| is_identifier(part)) {
            return Err("it is not of the form TYPE or TYPE.MEMBER,MEMBER".to_owned());
        }
        Ok(Self {
            name: name.to_owned(),
            members,
        })
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        let members: Vec<String> = self.members.iter().map(|path| path.join(".")).collect();
        if members.is_empty() {
            return Ok(());
        }
        write!(f, ".{}", members.join(","))
    }
}

/// Whether a text is an identifier in C.
pub(super) fn is_identifier(text: &str) -> bool {
    let of_c = |byte: u8| byte == b'_' || byte.is_ascii_alphanumeric();
    text.bytes().all(of_c) && text.starts_with(|first: char| !first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::Request;

    #[test]
    fn requests_are_read_and_written() {
        for text in [
            "task_struct",
            "task_struct.pid",
            "file.f_inode.i_ino,f_path",
        ] {
            let request: Request = text.parse().unwrap();
            assert_eq!(request.to_string(), text);
        }
        let request: Request = "task_struct.pid,mm.exe_file".parse().unwrap();
        assert_eq!(request.members, [vec!["pid"], vec!["mm", "exe_file"]]);
    }

    #[test]
    fn what_is_no_name_is_rejected() {
        for text in [
            "",
            ".pid",
            "task_struct.",
            "task_struct.a,",
            "a b",
            "1",
            "a..b",
        ] {
            assert!(text.parse::<Request>().is_err(), "{text}");
        }
    }
}
