//! `verify --bpftool`.

use std::{fs, process::Command};

use crate::folder::{Checked, Folder, ensure, fixture};

pub(crate) fn bpftool_agrees(folder: &Folder) -> Checked {
    let run = |name: &str| {
        folder
            .command()
            .arg("--bpftool")
            .arg(fixture(name))
            .output()
    };
    // Others may mount elsewhere meanwhile.
    let mounts = || -> std::io::Result<Vec<String>> {
        let all = fs::read_to_string("/proc/self/mounts")?;
        let bpf = |line: &&str| line.contains(" /sys/fs/bpf");
        Ok(all.lines().filter(bpf).map(str::to_owned).collect())
    };
    let before = mounts()?;
    let accepted = run("tracing.o")?;
    let shown = String::from_utf8(accepted.stdout)?;
    ensure(
        accepted.status.code() == Some(0)
            && shown.contains("libbpf (bpftool prog loadall) accepts"),
        "accepted",
        &shown,
    )?;
    // libbpf has no legacy maps since 1.0.
    let refused = run("legacy.o")?;
    let shown = String::from_utf8(refused.stdout)?;
    ensure(
        refused.status.code() == Some(1)
            && shown.contains("error[libbpf-refused]")
            && shown.contains("legacy map definitions"),
        "refused",
        &shown,
    )?;
    ensure(mounts()? == before, "nothing stays mounted", &before)
}

pub(crate) fn bpftool_missing_is_one_sentence(folder: &Folder) -> Checked {
    // It is looked for there besides PATH: no program then is there for the command.
    const HIDE: &str = "for file in /usr/sbin/bpftool /sbin/bpftool; do
        if [ -f \"$file\" ]; then mount --bind /dev/null \"$file\" || exit 99; fi
        done; PATH= exec \"$@\"";
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", HIDE, "sh"])
        .arg(env!("CARGO_BIN_EXE_cargo-ebpf"))
        .args(["verify", "--bpftool"])
        .arg(fixture("plain.o"))
        .current_dir(folder.path())
        .output()?;
    let said = String::from_utf8(output.stderr)?;
    ensure(
        output.status.code() == Some(1)
            && said.contains("error[no-bpftool]")
            && said.contains("apt-get install bpftool"),
        "said",
        &(output.status, said.clone()),
    )
}
