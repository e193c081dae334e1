//! What a guest's kernel printed on its console, and how it broke down.

use std::{fs, path::PathBuf};

use ebpf_base::{temporary::TemporaryDirectory, untrusted};

/// The file that qemu writes the console to.
#[derive(Debug)]
pub struct Console {
    pub(super) directory: TemporaryDirectory,
}

/// How a kernel broke down, according to its console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Breakdown {
    /// `Kernel panic - not syncing: ...`
    Panic(String),
    /// It ran out of memory.
    OutOfMemory,
    /// `Initramfs unpacking failed: ...`: with little memory, the kernel may have overwritten it.
    Initramfs(String),
}

/// How many lines of the console are shown.
const TAIL: usize = 15;

impl Console {
    pub(super) fn path(&self) -> PathBuf {
        self.directory.path().join("console")
    }

    /// How much has been printed so far, in bytes: that it grows is a sign of life.
    pub fn printed(&self) -> u64 {
        fs::metadata(self.path()).map_or(0, |metadata| metadata.len())
    }

    fn text(&self) -> String {
        let bytes = fs::read(self.path()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Its last lines, escaped for a terminal.
    pub fn tail(&self) -> Vec<String> {
        let text = self.text();
        let lines: Vec<_> = text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .collect();
        let tail = lines.get(lines.len().saturating_sub(TAIL)..);
        tail.unwrap_or_default()
            .iter()
            .map(|line| untrusted::line(line.trim_end()).into_owned())
            .collect()
    }

    /// How the kernel broke down, if it did.
    pub fn breakdown(&self) -> Option<Breakdown> {
        breakdown(&self.text())
    }
}

fn breakdown(text: &str) -> Option<Breakdown> {
    /// mm/oom_kill.c: the first process is the only one that could be killed.
    const NO_MEMORY: [&str; 2] = ["Out of memory", "System is deadlocked on memory"];
    /// init/initramfs.c. A panic follows, as the first process is missing.
    const INITRAMFS: &str = "Initramfs unpacking failed: ";
    const PANIC: &str = "Kernel panic - not syncing: ";
    if NO_MEMORY.iter().any(|message| text.contains(message)) {
        return Some(Breakdown::OutOfMemory);
    }
    let rest_of_line = |message| {
        let (_, after) = text.split_once(message)?;
        let reason = after.lines().next().unwrap_or_default();
        Some(untrusted::line(reason.trim()).into_owned())
    };
    let initramfs = rest_of_line(INITRAMFS).map(Breakdown::Initramfs);
    initramfs.or_else(|| rest_of_line(PANIC).map(Breakdown::Panic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breakdowns_are_distinguished() {
        let panic =
            "[    1.1] Kernel panic - not syncing: VFS: Unable to mount root fs\r\n[ 1.2] x";
        assert_eq!(
            breakdown(panic),
            Some(Breakdown::Panic("VFS: Unable to mount root fs".to_owned()))
        );
        let oom = "[ 3.1] Out of memory and no killable processes...\n\
                   [ 3.2] Kernel panic - not syncing: System is deadlocked on memory";
        assert_eq!(breakdown(oom), Some(Breakdown::OutOfMemory));
        let overwritten = "[ 1.5] Initramfs unpacking failed: invalid magic at start of compressed \
                           archive\n[ 2.5] Kernel panic - not syncing: VFS: Unable to mount root fs";
        assert_eq!(
            breakdown(overwritten),
            Some(Breakdown::Initramfs(
                "invalid magic at start of compressed archive".to_owned()
            ))
        );
        assert_eq!(breakdown("[ 1.0] all is well"), None);
    }
}
