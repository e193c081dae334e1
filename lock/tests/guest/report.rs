//! What a report says, held against what workloads say of themselves.

use serde_json::Value;
use test_support::Failed;

use crate::record::Recorded;

/// How many waits, and how long they took together.
#[derive(Debug, Default)]
struct Sum {
    count: u64,
    total_ns: u64,
}

impl Recorded {
    /// Holds each lock of a workload against its row in the report, which must be of its
    /// type: the same number of waits, and their time to 1 % of what is known of it.
    pub(crate) fn agrees(&self, of: &Value) -> Result<(), Failed> {
        let process = number(of, "/process")?;
        for lock in array(of, "/truth/locks")? {
            let seen = match lock["address"].as_u64() {
                Some(_) => self.waits_for_address(process, lock)?,
                None => self.waits_of_caller(process, lock)?,
            };
            let (waits, unsure) = (number(lock, "/waits")?, number(lock, "/unsure")?);
            // A lock that is known by its caller only: glibc calls mprotect as well, for the
            // stacks and the heaps of the workload's threads.
            let others = match lock["address"].as_u64() {
                Some(_) => 0,
                None => 3 + waits / 10,
            };
            if waits == 0 || !(waits..=waits + unsure + others).contains(&seen.count) {
                return Err(format!("{seen:?}, but the workload says {lock:#}").into());
            }
            let total = number(lock, "/total_ns")?;
            let loose = number(lock, "/on_cpu_ns")? + number(lock, "/loose_ns")? + total / 100;
            let more = seen.count.saturating_sub(waits) * number(lock, "/max_ns")?;
            let fits = total.saturating_sub(loose)..=total + more;
            if unsure == 0 && !fits.contains(&seen.total_ns) {
                return Err(format!("{seen:?}, but the workload says {lock:#}").into());
            }
        }
        Ok(())
    }

    /// Every begin of a wait is somewhere, and none was lost.
    pub(crate) fn account_holds(&self) -> Result<(), Failed> {
        let account = &self.report["account"];
        if account["holds"] == true {
            return Ok(());
        }
        Err(format!("the account does not hold: {account:#}").into())
    }

    /// Whether a program was attached there.
    pub(crate) fn has_hook(&self, name: &str) -> Result<bool, Failed> {
        let hooks = array(&self.report, "/hooks")?;
        Ok(hooks.iter().any(|hook| hook["name"] == name))
    }

    /// Each pair of a workload's waiter and holder is one in the report, too.
    pub(crate) fn names_pairs(&self, of: &Value) -> Result<(), Failed> {
        let process = number(of, "/process")?;
        let mut seen = Vec::new();
        for site in self.sites_of(process)? {
            let holder = &site["holder"]["thread"];
            if !holder.is_null() {
                let waiter = &self.entry("/threads", &site["thread"])?["comm"];
                let holder = &self.entry("/threads", holder)?["comm"];
                seen.push((waiter, holder));
            }
        }
        for pair in array(of, "/truth/pairs")? {
            if !seen.contains(&(&pair["waiter"], &pair["holder"])) {
                return Err(format!("{pair} is not in {seen:?}").into());
            }
        }
        Ok(())
    }

    /// Of a process's waits for locks of a type, at least half name a holder in it.
    pub(crate) fn names_holders(&self, of: &Value, lock_type: &str) -> Result<(), Failed> {
        let process = number(of, "/process")?;
        let (mut named, mut all) = (0, 0);
        for site in self.sites_of(process)? {
            if self.entry("/locks", &site["lock"])?["type"] != lock_type {
                continue;
            }
            let count = number(site, "/waits/count")?;
            all += count;
            let holder = &site["holder"]["thread"];
            if !holder.is_null() && self.process_of(holder)? == process {
                named += count;
            }
        }
        if all > 0 && named * 2 >= all {
            return Ok(());
        }
        Err(format!("{named} of {all} waits for a {lock_type} name their holder").into())
    }

    /// Of a process's waits for kernel locks whose type begins so, some name the place in the
    /// kernel where the lock was let go, which `contended_release` alone tells.
    pub(crate) fn names_releases(&self, of: &Value, lock_type: &str) -> Result<(), Failed> {
        let process = number(of, "/process")?;
        for site in self.sites_of(process)? {
            let lock = self.entry("/locks", &site["lock"])?;
            let is_of_type = |name: &str| name.starts_with(lock_type);
            if lock["type"].as_str().is_some_and(is_of_type) && !site["holder"]["stack"].is_null() {
                let stack = self.entry("/stacks", &site["holder"]["stack"])?;
                if !array(stack, "/kernel")?.is_empty() {
                    return Ok(());
                }
            }
        }
        Err(format!(
            "no release of a {lock_type} was seen: {:#}",
            self.report["sites"]
        )
        .into())
    }

    /// Of a user lock, by its place in memory.
    fn waits_for_address(&self, process: u64, subject: &Value) -> Result<Sum, Failed> {
        let (begin, bytes) = (number(subject, "/address")?, number(subject, "/bytes")?);
        let mut sum = Sum::default();
        for lock in array(&self.report, "/locks")? {
            let address = lock["address"].as_str().and_then(hexadecimal);
            let is_it = |address| (begin..begin + bytes).contains(&address);
            if lock["kind"] == "private"
                && address.is_some_and(is_it)
                && self.pid_of(&lock["process"])? == process
            {
                if lock["type"] != subject["type"] {
                    let stacks = self.stacks_of(lock)?;
                    let kind = &lock["type"];
                    return Err(format!("{subject:#} is reported as {kind} at {stacks}").into());
                }
                sum.add(&lock["waits"])?;
            }
        }
        Ok(sum)
    }

    /// Where a lock was waited for, a line per stack.
    fn stacks_of(&self, lock: &Value) -> Result<String, Failed> {
        let mut lines = String::new();
        for site in array(&self.report, "/sites")? {
            if self.entry("/locks", &site["lock"])? != lock {
                continue;
            }
            let count = number(site, "/waits/count")?;
            lines.push_str(&format!("\n{count}:"));
            if let Some(index) = site["stack"].as_u64() {
                let stack = self.entry("/stacks", &index.into())?;
                if stack["cut"] == true {
                    lines.push_str(" (cut)");
                }
                for frame in array(stack, "/user")? {
                    let frame = self.entry("/frames", frame)?;
                    lines.push_str(&format!(" {}@{}", frame["function"], frame["module"]));
                }
            }
        }
        Ok(lines)
    }

    /// Of a kernel lock, by the function that waits for it.
    fn waits_of_caller(&self, process: u64, subject: &Value) -> Result<Sum, Failed> {
        let caller = subject["caller"].as_str().ok_or("no caller")?;
        let mut sum = Sum::default();
        for site in self.sites_of(process)? {
            let stack = self.entry("/stacks", &site["stack"])?;
            let Some(frame) = array(stack, "/kernel")?.first() else {
                continue;
            };
            let function = &self.entry("/frames", frame)?["function"];
            if function.as_str().is_some_and(|name| name.contains(caller)) {
                let lock = self.entry("/locks", &site["lock"])?;
                if lock["type"] == subject["type"] {
                    sum.add(&site["waits"])?;
                }
            }
        }
        Ok(sum)
    }

    /// Where the threads of a process waited.
    fn sites_of(&self, process: u64) -> Result<Vec<&Value>, Failed> {
        let mut sites = Vec::new();
        for site in array(&self.report, "/sites")? {
            if self.process_of(&site["thread"])? == process {
                sites.push(site);
            }
        }
        Ok(sites)
    }

    /// The number of a thread's process.
    fn process_of(&self, thread: &Value) -> Result<u64, Failed> {
        self.pid_of(&self.entry("/threads", thread)?["process"])
    }

    fn pid_of(&self, process: &Value) -> Result<u64, Failed> {
        number(self.entry("/processes", process)?, "/pid")
    }

    fn entry(&self, table: &str, index: &Value) -> Result<&Value, Failed> {
        let found = index.as_u64().and_then(|index| {
            let table = self.report.pointer(table)?.as_array()?;
            table.get(usize::try_from(index).ok()?)
        });
        found.ok_or_else(|| format!("no {index} in {table}").into())
    }
}

impl Sum {
    fn add(&mut self, waits: &Value) -> Result<(), Failed> {
        self.count += number(waits, "/count")?;
        self.total_ns += number(waits, "/total_ns")?;
        Ok(())
    }
}

fn hexadecimal(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

/// The number at a place in a document.
pub(crate) fn number(document: &Value, pointer: &str) -> Result<u64, Failed> {
    document
        .pointer(pointer)
        .and_then(Value::as_u64)
        .ok_or_else(|| format!("no number {pointer} in {document:#}").into())
}

/// The list at a place in a document.
pub(crate) fn array<'a>(document: &'a Value, pointer: &str) -> Result<&'a Vec<Value>, Failed> {
    let array = document.pointer(pointer).and_then(Value::as_array);
    array.ok_or_else(|| format!("no list {pointer} in {document:#}").into())
}
