//! What the user writes after `--kernel`.

use std::{path::PathBuf, str::FromStr};

use ebpf_base::KernelVersion;

/// One entry of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// `host`: the kernel that runs.
    Host,
    /// `6.1`: the newest of these that is cached, or else that the archive has.
    Release(KernelVersion),
    /// `all`: each release that is cached or can be had; the host is not among them.
    All,
    /// A path to a kernel image.
    Image(PathBuf),
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "host" => return Ok(Self::Host),
            "all" => return Ok(Self::All),
            _ => {}
        }
        if text.contains('/') {
            return Ok(Self::Image(text.into()));
        }
        if let Some(version) = KernelVersion::of_release(text) {
            // `06.1`, `6.1-rc1` and `6.1.2` mean something else, or nothing.
            if version.to_string() == text {
                return Ok(Self::Release(version));
            }
            return Err(format!("kernels are named by two numbers: {version}"));
        }
        Err(
            "write host, all, a version like 6.1, or the path of a kernel image (with a /)"
                .to_owned(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_read() {
        let release = |major, minor| Ok(Wanted::Release(KernelVersion::new(major, minor)));
        assert_eq!("host".parse(), Ok(Wanted::Host));
        assert_eq!("all".parse(), Ok(Wanted::All));
        assert_eq!("5.10".parse(), release(5, 10));
        assert_eq!("7.3".parse(), release(7, 3));
        assert_eq!("./bzImage".parse(), Ok(Wanted::Image("./bzImage".into())));
        assert_eq!("boot/6.1".parse(), Ok(Wanted::Image("boot/6.1".into())));
    }

    #[test]
    fn the_rest_is_refused_with_what_to_write() {
        let said = |text: &str| text.parse::<Wanted>().unwrap_err();
        assert!(said("6.1.192-2").ends_with(": 6.1"));
        for text in [
            "",
            "6",
            "x.y",
            "Host",
            "6.",
            ".1",
            "99999999999.1",
            "bzImage",
        ] {
            assert!(said(text).contains("6.1"), "{text}");
        }
    }
}
