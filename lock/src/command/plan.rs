//! Arguments to a validated plan.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use crate::{
    cli::record::{Bounds, Recorded},
    error::{Error, Result},
    probe::plan::{Filters, Limits, Plan},
    profile::{lock_type::LockType, snapshot::Scope},
};

/// Where cgroups of version 2 are mounted, on machines that have only those and on others.
const CGROUP_ROOTS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/// Validates what is to be recorded: of these types only, if there are any.
pub(crate) fn plan(arguments: &Recorded, types: Vec<LockType>) -> Result<Plan> {
    let Recorded {
        pid,
        exact,
        tid,
        comm,
        cgroup,
        cpu,
        locks,
        min_wait,
        user_stacks,
        stack_size,
        bounds,
        command,
    } = arguments;
    let scope = match pid {
        Some(pid) => Scope::Process { pid: *pid },
        None if command.is_empty() => Scope::System,
        None => Scope::Command {
            command: command
                .iter()
                .map(|word| word.to_string_lossy().into_owned())
                .collect(),
        },
    };
    Ok(Plan {
        scope,
        filters: Filters {
            tids: tid.clone(),
            comms: comm.clone(),
            cgroups: cgroup
                .iter()
                .map(|path| cgroup_id(path))
                .collect::<Result<_>>()?,
            cpus: cpu
                .as_deref()
                .map(cpu_list)
                .transpose()?
                .unwrap_or_default(),
            types,
            addresses: locks.iter().map(|text| hex(text)).collect::<Result<_>>()?,
            min_wait: min_wait.unwrap_or_default(),
        },
        exact: *exact,
        user_stacks: *user_stacks,
        stack_bytes: *stack_size,
        limits: limits(bounds),
    })
}

/// The size of tables that is asked for.
pub(crate) fn limits(bounds: &Bounds) -> Limits {
    let Bounds {
        max_locks,
        max_stacks,
        max_threads,
        buffer,
    } = bounds;
    Limits {
        locks: max_locks.saturating_mul(Limits::ROWS_PER_LOCK),
        stacks: *max_stacks,
        threads: max_threads.next_power_of_two(),
        buffer: (buffer << 20).next_power_of_two(),
    }
}

/// A cgroup by its path, below the mount or whole.
fn cgroup_id(path: &Path) -> Result<(String, u64)> {
    let relative = path.strip_prefix("/").unwrap_or(path);
    let candidates = CGROUP_ROOTS
        .iter()
        .map(|root| Path::new(root).join(relative))
        .chain([PathBuf::from(path)]);
    for candidate in candidates {
        if candidate.join("cgroup.procs").exists()
            && let Ok(metadata) = fs::metadata(&candidate)
        {
            return Ok((path.display().to_string(), metadata.ino()));
        }
    }
    Err(Error::new(
        "no-such-cgroup",
        format!("the cgroup {} does not exist", path.display()),
    )
    .because("no directory with this path in the cgroup file system (version 2)")
    .fix("list cgroups with `systemd-cgls` or `cat /proc/PID/cgroup`"))
}

/// `0,2-3` as numbers.
fn cpu_list(text: &str) -> Result<Vec<u32>> {
    let wrong = || {
        Error::new("wrong-cpus", format!("{text} is not a list of CPUs"))
            .fix("write, for example: --cpu 0,2-3")
            .exit_with(2)
    };
    let mut cpus = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let first: u32 = first.trim().parse().map_err(|_| wrong())?;
        let last: u32 = last.trim().parse().map_err(|_| wrong())?;
        if first > last || last > 8192 {
            return Err(wrong());
        }
        cpus.extend(first..=last);
    }
    Ok(cpus)
}

fn hex(text: &str) -> Result<u64> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    u64::from_str_radix(digits, 16).map_err(|_| {
        Error::new("wrong-address", format!("{text} is not an address"))
            .fix("write, for example: --lock 0xffff888100012345")
            .exit_with(2)
    })
}

#[cfg(test)]
mod tests {
    use super::{cpu_list, hex};

    #[test]
    fn lists_of_cpus() {
        assert_eq!(cpu_list("0,2-4").expect("right"), [0, 2, 3, 4]);
        for wrong in ["", "a", "3-1", "1-", "0-100000"] {
            assert!(cpu_list(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn addresses() {
        assert_eq!(hex("0xff").expect("right"), 255);
        assert!(hex("xyz").is_err());
    }
}
